import { isDeepStrictEqual } from 'node:util'
import { PacelineError } from '../../errors.ts'

/**
 * What must not change between a run and its resumption, by name: shape of the model, fingerprint of the data, batch
 * size, optimiser, seed. Values are JSON.
 */
export type RunIdentity = Readonly<Record<string, unknown>>

/** Throws code `checkpoint` naming the first field that differs. `file` is where `stored` was read. */
export function requireSameRun(stored: RunIdentity, current: RunIdentity, file: string): void {
  const difference = firstDifference(stored, current)
  if (difference !== undefined)
    throw new PacelineError(
      'checkpoint',
      `${file}: ${difference.field} is ${difference.stored} in the checkpoint and ${difference.current} in this run. ` +
        'Resume with the same value, or train into another folder.',
    )
}

/** The first field, by its path, in which two identities differ, with both values as text; `undefined`: in none. */
export function firstDifference(
  stored: RunIdentity,
  current: RunIdentity,
): { readonly field: string; readonly stored: string; readonly current: string } | undefined {
  const [before, now] = [flat(stored), flat(current)]
  for (const field of new Set([...before.keys(), ...now.keys()]))
    if (!isDeepStrictEqual(before.get(field), now.get(field)))
      return { field, stored: show(before.get(field)), current: show(now.get(field)) }
  return undefined
}

/** Fields by their paths, with values as JSON has them: what was written and read again equals what was not. */
function flat(identity: RunIdentity): Map<string, unknown> {
  const fields = new Map<string, unknown>()
  const add = (path: string, value: unknown) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      for (const [name, inner] of Object.entries(value)) add(path === '' ? name : `${path}.${name}`, inner)
    else fields.set(path, value)
  }
  add('', JSON.parse(JSON.stringify(identity)))
  return fields
}

function show(value: unknown): string {
  return value === undefined ? 'not set' : JSON.stringify(value)
}
