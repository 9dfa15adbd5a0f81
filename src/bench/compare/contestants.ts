import type { Drafter } from '../../decoding/index.ts'
import {
  allDrafters,
  type DrafterContext,
  draftFolder,
  draftModel,
  draftTop,
  oracle,
  parseDrafterName,
  readDrafter,
} from '../../drafters/index.ts'
import { PacelineError } from '../../errors.ts'

/** A drafter to be compared, by its name. */
export interface Contestant {
  readonly name: string
  /** One of all there are, not asked for by name: left out where a file that it needs is missing. */
  readonly optional: boolean
  /** Opens models and measures costs. Throws as `readDrafter` does. */
  prepare(context: DrafterContext): Promise<PreparedContestant>
}

export interface PreparedContestant {
  readonly name: string
  /** Has to know the text that plain decoding writes. */
  readonly needsTruth: boolean
  /** The drafter of a text: the same one each time, unless it has to know the text. */
  drafterOf(truth: readonly number[]): Drafter
}

/**
 * Reads names, `name[:variant][=path]`, each once. `all` stands for every drafter there is; `draft:oracle[=path]`, which
 * knows where the draft model will go wrong, exists only here. Throws code `argument` for a name that means nothing.
 */
export function readContestants(names: readonly string[]): Contestant[] {
  const contestants = new Map<string, Contestant>()
  const named = new Set(names.filter((name) => name !== 'all'))
  for (const name of names.flatMap((name) => (name === 'all' ? allDrafters : [name])))
    contestants.set(name, contestantOf(name, !named.has(name)))
  if (contestants.size === 0) throw new PacelineError('argument', 'there is no drafter to compare')
  return [...contestants.values()]
}

function contestantOf(name: string, optional: boolean): Contestant {
  const { name: method, variant, path } = parseDrafterName(name)
  if (method === 'draft' && variant === 'oracle')
    return {
      name,
      optional,
      async prepare(context) {
        const { model } = await context.openModel(path, draftFolder, { top: draftTop })
        const { vocabSize } = context.target.spec
        return { name, needsTruth: true, drafterOf: (truth) => draftModel(model, oracle(truth), { vocabSize }) }
      },
    }
  const make = readDrafter(name)
  return {
    name,
    optional,
    async prepare(context) {
      const drafter = await make(context)
      return { name, needsTruth: false, drafterOf: () => drafter }
    },
  }
}
