import type { Awaitable, GuessCosts } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import type { DrafterContext } from '../context.ts'
import type { DrafterName } from '../registry.ts'
import { adaptive } from './adaptive.ts'
import { disco } from './classifier.ts'
import { confidence } from './confidence.ts'
import { constant } from './constant.ts'
import { costAware } from './cost-aware.ts'
import { discoFileName, parseDisco } from './disco-file.ts'
import { heuristic } from './heuristic.ts'
import type { Policy } from './policy.ts'

/** What a policy may be made from: the world of a drafter, and what the drafter knows of itself. */
export interface PolicySources {
  readonly context: DrafterContext
  guessCosts(): Awaitable<GuessCosts>
  /** A JSON file of the drafter's folder. Throws code `file` or `format`. */
  readJson(file: string): Promise<unknown>
}

export type PolicyFactory = (sources: PolicySources) => Awaitable<Policy>

interface PolicyKind {
  /** What a number behind its name means; without it there must be none. */
  readonly number?: 'guesses' | 'threshold'
  /** It looks at the probabilities of the drafter. */
  readonly looksAtConfidence?: boolean
  make(value: number | undefined, sources: PolicySources): Awaitable<Policy>
}

const policies: Readonly<Record<string, PolicyKind>> = {
  'cost-aware': {
    make: async (_, { context, guessCosts }) => costAware({ target: await context.costs(), guess: await guessCosts() }),
  },
  constant: { number: 'guesses', make: (guesses) => constant(guesses) },
  heuristic: { number: 'guesses', make: (initial) => heuristic(initial) },
  confidence: { number: 'threshold', looksAtConfidence: true, make: (threshold) => confidence(threshold) },
  adaptive: { number: 'threshold', looksAtConfidence: true, make: (initial) => adaptive(initial) },
  disco: {
    number: 'threshold',
    looksAtConfidence: true,
    make: async (threshold, { readJson }) => disco(parseDisco(await readJson(discoFileName)), threshold),
  },
}

/** Names of policies; of those for a drafter without probabilities, such as one of n-grams, where `confident` is false. */
export function policyNames({ confident }: { readonly confident: boolean }): string[] {
  return Object.keys(policies).filter((name) => confident || !policies[name].looksAtConfidence)
}

/**
 * Reads the variant of a drafter's name, one of `names`, alone or with its number: `constant-7`, `confidence-0.6`.
 * Throws code `argument` for another name, and for a number that means nothing.
 */
export function readPolicy(
  { name, variant = '' }: Pick<DrafterName, 'name' | 'variant'>,
  names: readonly string[],
): PolicyFactory {
  const refuse = (problem: string) => new PacelineError('argument', `drafter "${name}:${variant}": ${problem}`)
  const [, word, digits] = /^(.+?)(?:-(\d+(?:\.\d+)?))?$/s.exec(variant) ?? []
  if (word === undefined || !names.includes(word))
    throw refuse(`there is no policy "${variant}", expected one of ${names.join(', ')}`)
  const { number, make } = policies[word]
  const value = digits === undefined ? undefined : Number(digits)
  if (value !== undefined) {
    if (number === undefined) throw refuse(`${word} takes no number`)
    if (number === 'guesses' && !(Number.isSafeInteger(value) && value >= 1))
      throw refuse(`expected a whole number of guesses, such as ${word}-5`)
    if (number === 'threshold' && value > 1) throw refuse(`expected a threshold from 0 to 1, such as ${word}-0.4`)
  }
  return (sources) => make(value, sources)
}
