import type { PassCosts } from '../../decoding/index.ts'

/**
 * What a pass may cost, in passes of one row. Of a target that was not tuned for it Jacobi decoding makes 1.0 to 1.1 times
 * the speed (Kou et al. 2024), almost whatever the block: a pass that costs more is never won back.
 */
const mostCost = 1.1
/** The block that most targets tuned for it were tuned with (Kou et al. 2024); iterates rarely agree further ahead. */
const largest = 16

/** The largest block whose pass costs no more than guesses may win; 2, the least that guesses anything, if none does. */
export function chooseBlock({ v }: Pick<PassCosts, 'v'>): number {
  let block = 2
  while (block < largest && v(block + 1) <= mostCost) block++
  return block
}
