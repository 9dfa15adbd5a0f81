import { type AcceptanceRule, createSampler, type Drafter } from '../../decoding/index.ts'
import { none } from '../../drafters/index.ts'
import type { TargetModel } from '../../model/index.ts'
import type { PreparedContestant } from './contestants.ts'
import { endsInLoop } from './loops.ts'
import type { BenchPrompt } from './prompts.ts'
import type { DraftedRun, Place, PromptRecord } from './records.ts'
import { type TimedRun, timeRun } from './run.ts'

export interface MatchOptions {
  /** Tokens of a text at most; end-of-text tokens end it earlier, for all alike. */
  readonly maxTokens: number
  /** Of the prompt with index 0 where there is a temperature; each other has this and its index. */
  readonly seed: number
  readonly rule: AcceptanceRule
  readonly sharedNoise: boolean
  /** `DecodeOptions.strict`. */
  readonly strict: number
  readonly signal?: AbortSignal
}

/** Tokens of a text that only warms up. */
const warmUpTokens = 24

/** Plain decoding and drafters over prompts, with one loaded target. */
export function createMatch(
  model: TargetModel,
  contestants: readonly PreparedContestant[],
  prompts: readonly BenchPrompt[],
  { maxTokens, seed, rule, sharedNoise, strict, signal }: MatchOptions,
) {
  const plain = none()
  const truths = new Map<string, readonly number[]>()

  const write = (
    drafter: Drafter,
    { prompt, temperature }: Pick<Place, 'prompt' | 'temperature'>,
    tokens = maxTokens,
  ): Promise<TimedRun> =>
    timeRun(model, drafter, prompts[prompt].ids, {
      sampler: createSampler({ temperature, seed: seed + prompt }, model.spec.vocabSize),
      maxTokens: tokens,
      eosTokenIds: model.spec.eosTokenIds,
      rule,
      sharedNoise,
      strict,
    })

  /** What plain decoding writes: asked before anything is timed, and only for those who have to know. */
  const truthOf = async ({ prompt, temperature }: Place): Promise<readonly number[]> => {
    const key = `${temperature} ${prompt}`
    const truth = truths.get(key) ?? (await write(plain, { prompt, temperature })).ids
    truths.set(key, truth)
    return truth
  }

  return {
    /** Every drafter, and plain decoding, once. Returns the bytes of the target's cache. */
    async warmUp(temperature: number): Promise<number> {
      const place = { prompt: 0, temperature }
      const tokens = Math.min(warmUpTokens, maxTokens)
      const { ids, cacheBytes } = await write(plain, place, tokens)
      for (const contestant of contestants) await write(contestant.drafterOf(ids), place, tokens)
      return cacheBytes
    },

    /** Writes one prompt in all ways. `undefined` where the signal came before the last of them. */
    async play(place: Place): Promise<PromptRecord | undefined> {
      const truth = contestants.some(({ needsTruth }) => needsTruth) ? await truthOf(place) : []
      const runs = new Map<PreparedContestant | undefined, TimedRun>()
      const order = [undefined, ...contestants]
      const shift = (place.prompt + place.round) % order.length
      for (const contestant of [...order.slice(shift), ...order.slice(0, shift)]) {
        if (signal?.aborted) return undefined
        runs.set(contestant, await write(contestant?.drafterOf(truth) ?? plain, place))
      }
      // Also where the signal came during the last run: the record is whole.
      const { run, ids } = runs.get(undefined)!
      const drafted = contestants.map((contestant): DraftedRun => {
        const theirs = runs.get(contestant)!
        const identical = theirs.ids.length === ids.length && theirs.ids.every((id, i) => id === ids[i])
        return { drafter: contestant.name, run: theirs.run, identical }
      })
      const { task } = prompts[place.prompt]
      return { kind: 'prompt', ...place, task, plain: run, loops: endsInLoop(ids), drafted }
    },
  }
}
