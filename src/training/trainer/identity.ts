import { isDeepStrictEqual } from 'node:util'
import { PacelineError } from '../../errors.ts'

/**
 * What must not change between a run and its resumption, by name: shape of the model, fingerprint of the data, batch
 * size, optimiser, seed. Values are JSON.
 */
export type RunIdentity = Readonly<Record<string, unknown>>

/** Throws code `checkpoint` naming the first field that differs. `file` is where `stored` was read. */
export function requireSameRun(stored: RunIdentity, current: RunIdentity, file: string): void {
  for (const name of new Set([...Object.keys(stored), ...Object.keys(current)])) {
    const [before, now] = [plain(stored[name]), plain(current[name])]
    if (!isDeepStrictEqual(before, now))
      throw new PacelineError(
        'checkpoint',
        `${file}: ${name} is ${show(before)} in the checkpoint and ${show(now)} in this run. ` +
          'Resume with the same value, or train into another folder.',
      )
  }
}

/** As JSON has it: what was written and read again compares equal to what was not. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}

function show(value: unknown): string {
  return value === undefined ? 'not set' : JSON.stringify(value)
}
