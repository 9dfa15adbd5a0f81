import { createSampler, prefill } from '../../decoding/index.ts'
import { none } from '../../drafters/index.ts'
import type { Target, TargetModel } from '../../model/index.ts'
import { breathe } from '../interruptible.ts'
import { blockRows, forwardLogits } from '../logits.ts'

/** A prompt, and what a model wrote after it. */
export interface PlainText {
  readonly prompt: readonly number[]
  readonly ids: readonly number[]
}

/** Executors choose their kernels by the number of rows: few, many, and odd numbers in between. */
const passRows = [2, 3, 5, 8, 16]

/**
 * How far a logit of a pass of many rows is from that of passes of one row over the same text, at most: the largest
 * difference seen behind each prompt, which is read as decoding reads it. Keys and values are those of the passes, so
 * what is rounded early counts later on. 0 says that all logits were equal, bit for bit.
 */
export async function measureRowError(
  model: TargetModel,
  texts: readonly PlainText[],
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: (share: number) => void } = {},
): Promise<number> {
  let error = 0
  for (const [i, text] of texts.entries()) {
    error = Math.max(error, await errorOver(model, text, signal))
    onProgress?.((i + 1) / texts.length)
  }
  return error
}

/** The tokens whose rows decided the text: from the prompt's last one, which is the first root, to the last but one. */
export function rootsOf({ prompt, ids }: PlainText): number[] {
  return [prompt[prompt.length - 1], ...ids.slice(0, -1)]
}

async function errorOver(model: TargetModel, text: PlainText, signal?: AbortSignal): Promise<number> {
  const { vocabSize } = model.spec
  const { prompt } = text
  const tokens = rootsOf(text)
  const block = blockRows(vocabSize)
  const targets: Target[] = []
  let error = 0
  try {
    for (const _ of [1, ...passRows]) targets.push(await prefilled(model, prompt, prompt.length + tokens.length))
    const [single, ...others] = targets
    for (let start = 0; start < tokens.length; start += block) {
      await breathe(signal)
      const part = tokens.slice(start, start + block)
      const expected = await inPasses(single, part, 1)
      for (const [i, rows] of passRows.entries()) {
        const logits = await inPasses(others[i], part, rows)
        for (let at = 0; at < logits.length; at++) error = Math.max(error, Math.abs(logits[at] - expected[at]))
      }
    }
  } finally {
    for (const target of targets) target.dispose()
  }
  return error
}

/** A text of `prompt` without its last token, as plain decoding begins. */
export async function prefilled(model: TargetModel, prompt: readonly number[], capacity: number): Promise<Target> {
  const target = model.createTarget(capacity)
  try {
    await prefill(target, none(), prompt, { sampler: createSampler({ seed: 0 }, model.spec.vocabSize) })
    return target
  } catch (error) {
    target.dispose()
    throw error
  }
}

/** Logits after each token, [tokens, vocab], in passes of `rows` rows. */
async function inPasses(target: Target, tokens: readonly number[], rows: number): Promise<Float32Array> {
  const { vocabSize } = target.spec
  const all = new Float32Array(tokens.length * vocabSize)
  for (let start = 0; start < tokens.length; start += rows)
    all.set(await forwardLogits(target, tokens.slice(start, start + rows)), start * vocabSize)
  return all
}
