import type { Checkpoint } from '../checkpoint/index.ts'
import {
  acceptanceRules,
  createDetokeniser,
  createSampler,
  createStopMatcher,
  type Drafter,
  decode,
  measureRow,
  prefill,
  type SamplingOptions,
  StatisticsCollector,
  type StopSign,
} from '../decoding/index.ts'
import { PacelineError } from '../errors.ts'
import type { TargetModel } from '../model/index.ts'
import type { AcceptanceOptions, FinishReason, GenerateRequest, GenerationResult, Piece, Prompt } from './request.ts'

const defaultMaxTokens = 256

/** What a generation needs: a checkpoint's text codec and specification, and its weights, loaded. */
export interface LoadedModel {
  readonly checkpoint: Pick<Checkpoint, 'spec' | 'text'>
  readonly model: TargetModel
}

/**
 * Generates one text: yields the pieces of each step as it is decided, returns the whole. A stop sign ends it before
 * the next pass, with what was made so far and the reason `abort`.
 * Throws code `argument` for options out of range, `context` for a prompt that does not fit.
 */
export async function* generate(
  { checkpoint: { spec, text: codec }, model }: LoadedModel,
  drafter: Drafter,
  prompt: Prompt,
  request: GenerateRequest,
  stopSign: StopSign,
): AsyncGenerator<readonly Piece[], GenerationResult, undefined> {
  const { drafter: _, maxTokens = defaultMaxTokens, stop = [], ignoreEos, measureSpeedup, ...rest } = request
  const { sampling, how } = splitRequest(rest)
  if (!(Number.isInteger(maxTokens) && maxTokens >= 1))
    throw new PacelineError('argument', `maxTokens is ${maxTokens}, expected an integer of at least 1`)
  if (!Array.isArray(stop)) throw new PacelineError('argument', 'stop must be a list of strings')
  const sampler = createSampler(sampling, spec.vocabSize)
  const eosTokenIds = ignoreEos ? [] : spec.eosTokenIds
  const stops = createStopMatcher(stop)
  const promptIds = encodePrompt(prompt, codec)
  const writer = createDetokeniser((ids) => codec.decode(ids, { skipSpecialTokens: true }), promptIds)
  const statistics = new StatisticsCollector(promptIds.length)
  const target = model.createTarget()
  const ids: number[] = []
  let text = ''
  let finishReason: FinishReason = 'length'
  try {
    const started = performance.now()
    const options = { ...how, sampler, maxTokens, eosTokenIds, stopSign }
    await prefill(target, drafter, promptIds, options)
    statistics.prefillMs = performance.now() - started

    for await (const step of decode(target, drafter, promptIds, options)) {
      const pieces: Piece[] = []
      for (const [i, token] of step.tokens.entries()) {
        const { text, stopped } = stops.push(writer.push(token))
        pieces.push({ text, token, drafted: i < step.accepted })
        if (stopped || eosTokenIds.includes(token)) finishReason = 'stop'
        // A stop string inside a block ends the text there; the tokens behind it were never part of it.
        if (stopped) break
      }
      const tokens = step.tokens.slice(0, pieces.length)
      statistics.add({ ...step, tokens, accepted: Math.min(step.accepted, tokens.length) })
      ids.push(...tokens)
      text += pieces.map((piece) => piece.text).join('')
      yield pieces
      if (finishReason === 'stop') break
    }
    if (stopSign.aborted && finishReason !== 'stop') finishReason = 'abort'

    const rest = stops.push(writer.flush()).text + stops.flush()
    if (rest !== '') yield [{ text: rest, drafted: false }]
    const measurable = measureSpeedup && finishReason !== 'abort' && target.length < target.capacity
    const rowMs = measurable ? await measureRow(target, sampler.greedy ? 'argmax' : 'logits') : undefined
    const { seed, temperature } = sampler.settings
    const drawn = temperature > 0 && { seed }
    return { text: text + rest, ids, promptIds, finishReason, ...drawn, stats: statistics.result(rowMs) }
  } finally {
    target.dispose()
  }
}

function encodePrompt(prompt: Prompt, codec: Checkpoint['text']): readonly number[] {
  if (typeof prompt === 'object' && prompt !== null && 'ids' in prompt) return checkIds([...prompt.ids])
  if (typeof prompt !== 'string' && !Array.isArray(prompt))
    throw new PacelineError('argument', 'the prompt must be a text, a list of chat messages, or { ids }')
  if (prompt.length === 0) throw new PacelineError('argument', 'the prompt is empty: write something to continue')
  return typeof prompt === 'string' ? codec.encode(prompt) : codec.encodeChat(prompt)
}

/** Ids beyond the vocabulary are found when their embedding is read; a fraction would silently become a token. */
function checkIds(ids: readonly number[]): readonly number[] {
  for (const [i, id] of ids.entries())
    if (!Number.isInteger(id))
      throw new PacelineError('argument', `the prompt's ids[${i}] is ${id}, expected an integer`)
  return ids
}

/** What is drawn, and how guesses at it are accepted. */
function splitRequest({ rule, sharedNoise, strict, ...sampling }: SamplingOptions & AcceptanceOptions) {
  if (rule !== undefined && !acceptanceRules.includes(rule))
    throw new PacelineError('argument', `rule is ${JSON.stringify(rule)}, expected ${acceptanceRules.join(' or ')}`)
  if (strict !== undefined && !(strict >= 0 && strict < Number.POSITIVE_INFINITY))
    throw new PacelineError('argument', `strict is ${strict}, expected a number of at least 0: an error of logits`)
  if (sharedNoise !== undefined && typeof sharedNoise !== 'boolean')
    throw new PacelineError('argument', `sharedNoise is ${JSON.stringify(sharedNoise)}, expected true or false`)
  const how = {
    ...(rule !== undefined && { rule }),
    ...(sharedNoise !== undefined && { sharedNoise }),
    ...(strict !== undefined && { strict }),
  }
  return { sampling, how }
}
