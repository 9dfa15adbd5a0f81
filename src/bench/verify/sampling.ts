import {
  type AcceptanceRule,
  createSampler,
  type Drafter,
  decode,
  type Prefilled,
  prefill,
  TokenHistory,
} from '../../decoding/index.ts'
import { none } from '../../drafters/index.ts'
import type { Target, TargetModel } from '../../model/index.ts'
import { breathe } from '../interruptible.ts'
import { forwardLogits } from '../logits.ts'
import { type Cell, type GTest, gTest, leastExpected } from './g-test.ts'

/** The chance that sampling which is right is called wrong: of all tests of a report together (Bonferroni). */
const falseAlarm = 1e-6

/** The first tokens behind a text, drawn again and again, against the target's own distribution. */
export interface SampledTokens {
  readonly samples: number
  /** In how many of them the drafter guessed at the first token. */
  readonly guessed: number
  /** Of the first token. */
  readonly first: GTest
  /** Of the first two together. */
  readonly pair: GTest
}

export interface SamplingOptions {
  readonly samples: number
  /** Of the first sample; the others have the seeds that follow. */
  readonly seed: number
  /** By which guesses are accepted: `rejection` unless given. */
  readonly rule?: AcceptanceRule
  readonly signal?: AbortSignal
  readonly onProgress?: (share: number) => void
}

/** Tokens behind a context at most: room for the guesses of two steps. */
export const sampledTokens = 16

/**
 * Draws the first two tokens behind `context` by a rule at temperature 1, a seed after the other, and compares how often each
 * came with how likely it is by passes of one row.
 */
export async function testSampling(
  model: TargetModel,
  drafter: Drafter,
  context: readonly number[],
  options: SamplingOptions,
): Promise<SampledTokens> {
  const { samples } = options
  const target = model.createTarget(context.length + sampledTokens)
  try {
    const { pairs, guessed } = await drawPairs(target, drafter, context, options)
    const counts = new Map<number, number>()
    for (const [token] of pairs) counts.set(token, (counts.get(token) ?? 0) + 1)

    const distributionAfter = distributionsOf(target, context)
    const p = await distributionAfter()
    // Two tokens in a row: of first ones that are rare, all second ones count as one.
    const pairCells: Cell[] = []
    let rare: Cell = { count: 0, probability: 0 }
    for (let token = 0; token < p.length; token++) {
      const [count, probability] = [counts.get(token) ?? 0, p[token]]
      if (samples * probability < leastExpected) {
        rare = { count: rare.count + count, probability: rare.probability + probability }
        continue
      }
      const seconds = new Map<number, number>()
      for (const [first, second] of pairs) if (first === token) seconds.set(second, (seconds.get(second) ?? 0) + 1)
      pairCells.push(...cellsOf(seconds, await distributionAfter(token), probability, samples))
    }
    return { samples, guessed, first: gTest(cellsOf(counts, p, 1, samples)), pair: gTest([...pairCells, rare]) }
  } finally {
    target.dispose()
  }
}

async function drawPairs(
  target: Target,
  drafter: Drafter,
  context: readonly number[],
  { samples, seed, rule = 'rejection', signal, onProgress }: SamplingOptions,
): Promise<{ pairs: (readonly [number, number])[]; guessed: number }> {
  const { vocabSize } = target.spec
  const samplerOf = (i: number) => createSampler({ temperature: 1, seed: seed + i }, vocabSize)
  // The text is read once; a drafter starts from it again with each seed.
  let started: Prefilled | undefined
  const reader: Drafter = {
    ...none(),
    ...(drafter.wants && { wants: drafter.wants }),
    ...(drafter.riders && { riders: drafter.riders }),
    start(prefilled) {
      started = prefilled
    },
  }
  await prefill(target, reader, context, { sampler: samplerOf(0), rule })
  const pairs: (readonly [number, number])[] = []
  let guessed = 0
  for (let i = 0; i < samples; i++) {
    await breathe(signal)
    const sampler = samplerOf(i)
    target.truncate(context.length - 1)
    // As `prefill` does.
    await drafter.start({ ...started!, sampler: rule === 'rejection' ? sampler.independent() : sampler })
    const tokens: number[] = []
    for await (const step of decode(target, drafter, context, {
      sampler,
      rule,
      maxTokens: sampledTokens,
      eosTokenIds: [],
    })) {
      if (tokens.length === 0 && step.depth > 0) guessed++
      tokens.push(...step.tokens)
      if (tokens.length >= 2) break
    }
    pairs.push([tokens[0], tokens[1]])
    onProgress?.((i + 1) / samples)
  }
  return { pairs, guessed }
}

/** The target's distribution at temperature 1 behind the context, or behind it and one token more: [vocab]. */
function distributionsOf(target: Target, context: readonly number[]): (token?: number) => Promise<Float32Array> {
  const sampler = createSampler({ temperature: 1, seed: 0 }, target.spec.vocabSize)
  const root = context[context.length - 1]
  return async (token) => {
    target.truncate(context.length - 1)
    let logits = await forwardLogits(target, [root])
    if (token !== undefined) logits = await forwardLogits(target, [token])
    return sampler.distribution(logits, new TokenHistory(context))
  }
}

/**
 * What is likely enough, each; all the rest together. Which is which must not depend on what was seen, but for the
 * impossible, which is never lost among the rest. `share`: the probability of them all.
 */
function cellsOf(counts: ReadonlyMap<number, number>, p: Float32Array, share: number, samples: number): Cell[] {
  const cells: Cell[] = []
  const rest = { count: 0, probability: 0 }
  for (let token = 0; token < p.length; token++) {
    const cell = { count: counts.get(token) ?? 0, probability: share * p[token] }
    if (samples * cell.probability >= leastExpected || (cell.count > 0 && cell.probability === 0)) cells.push(cell)
    else {
      rest.count += cell.count
      rest.probability += cell.probability
    }
  }
  return [...cells, rest]
}

/** Whether each test is passed. All of a report are judged together: the more there are, the less likely each may be. */
export function judgeSampling<T extends { readonly p: number }>(
  tests: readonly T[],
): (T & { readonly passed: boolean })[] {
  return tests.map((test) => ({ ...test, passed: test.p >= falseAlarm / tests.length }))
}

/** How many tokens are expected at least five times in so many draws: what a test behind `logits` [vocab] can tell apart. */
export function breadthOf(logits: Float32Array, samples: number): number {
  const sampler = createSampler({ temperature: 1, seed: 0 }, logits.length)
  return sampler
    .distribution(logits, new TokenHistory([]))
    .filter((probability) => samples * probability >= leastExpected).length
}
