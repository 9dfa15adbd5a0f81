import type { TextCodec } from '../../checkpoint/index.ts'
import {
  createSampler,
  type Drafter,
  decode,
  type PrefillOptions,
  prefill,
  type SamplingOptions,
  type Step,
} from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import type { TargetModel } from '../../model/index.ts'
import type { Question } from '../../training/index.ts'
import { breathe } from '../interruptible.ts'

export interface VerifyPrompt {
  /** Of the question in its suite. */
  readonly id: number
  readonly category: string
  readonly ids: readonly number[]
}

/**
 * The first `count` questions of each category whose first turn leaves room for an answer in the context: as the user's
 * turn of a conversation, or as plain text where the model has no chat template.
 * Throws code `context` where none does.
 */
export function promptsForModel(
  questions: readonly Question[],
  text: TextCodec,
  contextLength: number,
  count = Number.POSITIVE_INFINITY,
): VerifyPrompt[] {
  const taken = new Map<string, number>()
  const prompts: VerifyPrompt[] = []
  for (const { id, category, turns } of questions) {
    const before = taken.get(category) ?? 0
    if (before >= count) continue
    const ids = encode(text, turns[0])
    if (ids.length >= contextLength) continue
    taken.set(category, before + 1)
    prompts.push({ id, category, ids })
  }
  if (prompts.length === 0)
    throw new PacelineError(
      'context',
      `none of ${questions.length} prompts leaves room for an answer in the model's context of ${contextLength} tokens: ` +
        'give a suite of shorter ones',
    )
  return prompts
}

function encode(text: TextCodec, turn: string): number[] {
  try {
    return text.encodeChat([{ role: 'user', content: turn }])
  } catch (error) {
    if (PacelineError.isInstance(error) && error.code === 'unsupported') return text.encode(turn)
    throw error
  }
}

export interface WriteOptions extends Omit<PrefillOptions, 'sampler'> {
  readonly sampling: SamplingOptions
  readonly maxTokens: number
  readonly strict?: number
  readonly signal?: AbortSignal
}

/**
 * Room for a text. Who computes it again has to ask for as much: ONNX Runtime adds up attention over the slots of a cache
 * in an order that depends on how many there are.
 */
export function capacityFor(model: TargetModel, prompt: readonly number[], maxTokens: number): number {
  return Math.min(model.spec.contextLength, prompt.length + maxTokens)
}

/** All steps of a text, to its end. Throws the signal's reason, and as `prefill` and `decode` do. */
export async function write(
  model: TargetModel,
  drafter: Drafter,
  prompt: readonly number[],
  { sampling, signal, ...options }: WriteOptions,
): Promise<Step[]> {
  const target = model.createTarget(capacityFor(model, prompt, options.maxTokens))
  try {
    const { vocabSize, eosTokenIds } = model.spec
    const settings = { ...options, eosTokenIds, sampler: createSampler(sampling, vocabSize) }
    await prefill(target, drafter, prompt, settings)
    const steps: Step[] = []
    for await (const step of decode(target, drafter, prompt, settings)) {
      await breathe(signal)
      steps.push(step)
    }
    return steps
  } finally {
    target.dispose()
  }
}

export function tokensOf(steps: readonly Step[]): number[] {
  return steps.flatMap(({ tokens }) => [...tokens])
}
