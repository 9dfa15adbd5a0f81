import type { Drafter } from '../../decoding/index.ts'
import { allDrafters, type DrafterContext, readDrafter } from '../../drafters/index.ts'
import { PacelineError } from '../../errors.ts'

/** A drafter, and what it was asked for as. */
export interface NamedDrafter {
  readonly name: string
  readonly drafter: Drafter
}

export interface MadeDrafters {
  readonly drafters: readonly NamedDrafter[]
  /** Those of `all` that cannot be made for this model, and why. */
  readonly skipped: readonly { readonly drafter: string; readonly reason: string }[]
}

/**
 * Makes drafters by their names, or every one there is. What is named has to be there: throws as making it does. Of all,
 * those are left out that this model has nothing for, such as a draft model.
 */
export async function makeDrafters(names: readonly string[] | 'all', context: DrafterContext): Promise<MadeDrafters> {
  const drafters: NamedDrafter[] = []
  const skipped: { drafter: string; reason: string }[] = []
  try {
    for (const name of names === 'all' ? allDrafters : names) {
      try {
        drafters.push({ name, drafter: await readDrafter(name)(context) })
      } catch (error) {
        if (names !== 'all' || !PacelineError.isInstance(error)) throw error
        skipped.push({ drafter: name, reason: error.message })
      }
    }
  } catch (error) {
    for (const { drafter } of drafters) await drafter.dispose?.()
    throw error
  }
  return { drafters, skipped }
}
