import type { Dtype } from '../../checkpoint/index.ts'
import { median } from '../../median.ts'
import { bootstrap, geometricMean, mean } from './averages.ts'
import { decompose, deviationOf, endToEndOf, measuredSpeedup, type Pair, speedupOf } from './parts.ts'
import type { BenchRecord, DraftedRun, PromptRecord } from './records.ts'
import type { Run } from './run.ts'

/** One drafter on one task. Everything but the counts compares with plain decoding of the same prompts. */
export interface BenchRow {
  readonly drafter: string
  /** A category of the suite, or `all`. */
  readonly task: string
  readonly dtype: Dtype
  readonly temperature: number
  readonly prompts: number
  /** Prompts of which every round gave exactly the tokens of plain decoding. */
  readonly identical: number
  /** Decoding only: of each prompt the median ratio over rounds, of these the geometric mean, and its 95 % interval. */
  readonly speedup: number
  readonly speedupLow: number
  readonly speedupHigh: number
  /** `decompose`, over all runs. */
  readonly tau: number
  readonly v: number
  readonly D: number
  readonly h: number
  /** All tokens over all time, decoding only. */
  readonly tokensPerSecond: number
  readonly plainTokensPerSecond: number
  /** acceptanceByPosition[i]: of the steps that guessed at least i + 1 tokens ahead, the share that accepted that many. */
  readonly acceptanceByPosition: readonly number[]
  readonly rounds: number
  readonly plainH: number
  /** tau * (1 + plainH) / (D + v + h) */
  readonly predicted: number
  /** What it has to meet, by the clock: of all runs together, where `speedup` is a mean over prompts. */
  readonly measured: number
  /** Of single runs: how far the prediction from the parts was from the ratio of the clock, where it was furthest. */
  readonly largestDeviation: number
  /** As `speedup`, with the time to read the prompt. */
  readonly endToEndSpeedup: number
  /** Spec-Bench's: mean over prompts of tokens per second, prompt included, over the same mean of plain decoding. */
  readonly specBenchSpeedup: number
  /** Prompts whose text ends in a loop, and the speedup over all others; null where there are none. */
  readonly loops: number
  readonly speedupWithoutLoops: number | null
  readonly tokens: number
  readonly forwards: number
  readonly rows: number
  readonly draftForwards: number
}

/** Rows for every dtype, temperature, drafter and task of the records, in the order of their first appearance. */
export function summarise(records: readonly BenchRecord[]): BenchRow[] {
  const played = records.filter((record) => record.kind === 'prompt')
  return groups(played, ({ dtype, temperature }) => `${dtype} ${temperature}`).flatMap((group) => {
    const drafters = new Set(group.flatMap(({ drafted }) => drafted.map(({ drafter }) => drafter)))
    const tasks = groups(group, ({ task }) => task).map((ofTask) => [ofTask[0].task, ofTask] as const)
    return [...drafters].flatMap((drafter) =>
      [...tasks, ['all', group] as const].flatMap(([task, of]) => rowOf(drafter, task, of)),
    )
  })
}

interface Played extends Pair, Pick<PromptRecord, 'prompt' | 'loops'>, Pick<DraftedRun, 'identical'> {}

function rowOf(drafter: string, task: string, records: readonly PromptRecord[]): BenchRow[] {
  const { dtype, temperature } = records[0]
  const pairs = records.flatMap(({ prompt, loops, plain, drafted }): Played[] => {
    const found = drafted.find((one) => one.drafter === drafter)
    return found ? [{ prompt, loops, plain, drafted: found.run, identical: found.identical }] : []
  })
  if (pairs.length === 0) return []
  const prompts = groups(pairs, ({ prompt }) => `${prompt}`)
  const perPrompt = (of: (pair: Pair) => number) => prompts.map((rounds) => median(rounds.map(of)))
  const total = (of: (pair: Pair) => number) => pairs.reduce((sum, pair) => sum + of(pair), 0)
  const drafted = (field: 'tokens' | 'forwards' | 'rows' | 'draftForwards') => total(({ drafted }) => drafted[field])
  const perSecond = (side: keyof Pair) =>
    (1000 * total((pair) => pair[side].tokens)) / total((pair) => pair[side].decodeMs)
  const ratios = perPrompt(speedupOf)
  const withoutLoops = ratios.filter((_, i) => !prompts[i][0].loops)
  const { value, low, high } = bootstrap(ratios)
  const { tau, v, D, h, plainH, predicted } = decompose(pairs)
  return [
    {
      drafter,
      task,
      dtype,
      temperature,
      prompts: prompts.length,
      identical: prompts.filter((rounds) => rounds.every(({ identical }) => identical)).length,
      speedup: value,
      speedupLow: low,
      speedupHigh: high,
      ...{ tau, v, D, h },
      tokensPerSecond: perSecond('drafted'),
      plainTokensPerSecond: perSecond('plain'),
      acceptanceByPosition: acceptanceOf(pairs.map(({ drafted }) => drafted)),
      rounds: Math.max(...prompts.map(({ length }) => length)),
      ...{ plainH, predicted, measured: measuredSpeedup(pairs) },
      largestDeviation: pairs.map(deviationOf).reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a)),
      endToEndSpeedup: geometricMean(perPrompt(endToEndOf)),
      specBenchSpeedup: specBench(prompts, 'drafted') / specBench(prompts, 'plain'),
      loops: ratios.length - withoutLoops.length,
      speedupWithoutLoops: withoutLoops.length > 0 ? geometricMean(withoutLoops) : null,
      tokens: drafted('tokens'),
      forwards: drafted('forwards'),
      rows: drafted('rows'),
      draftForwards: drafted('draftForwards'),
    },
  ]
}

function acceptanceOf(runs: readonly Run[]): number[] {
  const deepest = Math.max(...runs.map(({ guessed }) => guessed.length))
  return Array.from({ length: deepest }, (_, i) => {
    const sum = (of: (run: Run) => readonly number[]) => runs.reduce((all, run) => all + (of(run)[i] ?? 0), 0)
    return sum(({ accepted }) => accepted) / sum(({ guessed }) => guessed)
  })
}

/** Rounds of a prompt are turns of a question: their tokens over their time. */
function specBench(prompts: readonly (readonly Pair[])[], side: keyof Pair): number {
  const sum = (runs: readonly Run[], of: (run: Run) => number) => runs.reduce((all, run) => all + of(run), 0)
  return mean(
    prompts.map((rounds) => {
      const runs = rounds.map((pair) => pair[side])
      return sum(runs, ({ tokens }) => tokens) / sum(runs, ({ prefillMs, loopMs }) => prefillMs + loopMs)
    }),
  )
}

function groups<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const found = new Map<string, T[]>()
  for (const item of items) {
    const group = found.get(keyOf(item))
    if (group) group.push(item)
    else found.set(keyOf(item), [item])
  }
  return [...found.values()]
}

/** The best of the constants `draft:constant-1` ... over all tasks: what a fixed number of guesses reaches at its best. */
export function bestConstants(rows: readonly BenchRow[]): BenchRow[] {
  const constants = rows.filter(({ drafter, task }) => task === 'all' && /^draft:constant-\d+(=|$)/.test(drafter))
  return groups(constants, ({ dtype, temperature, drafter }) => `${dtype} ${temperature} ${drafter.split('=')[1]}`)
    .filter(({ length }) => length > 1)
    .map((group) => group.reduce((best, row) => (row.speedup > best.speedup ? row : best)))
}
