import type { PassCosts } from '../../decoding/index.ts'

export function chooseBlock(costs: PassCosts): number {
  let block = 2
  while (block < 16 && costs.v(block + 1) <= 1.1) block++
  return block
}
