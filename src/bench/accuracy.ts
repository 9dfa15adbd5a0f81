import type { Dtype } from '../checkpoint/index.ts'
import { PacelineError } from '../errors.ts'
import type { TargetModel } from '../model/index.ts'
import { blockRows, forwardLogits, type LogProbabilities, logProbabilities } from './logits.ts'

/** How near a model with rounded weights comes to itself in f32, on a given text. */
export interface Accuracy {
  readonly dtype: Dtype
  /** Positions counted: those that have a next token within their window. */
  readonly positions: number
  /** Share of positions where both think the same token the likeliest. */
  readonly top1: number
  /** Mean over positions of KL(f32 || dtype), in nats. */
  readonly meanKl: number
  /** exp of the mean negative log-likelihood of the text's next tokens, in nats. */
  readonly perplexity: number
  readonly perplexityF32: number
  /** Where the two differ most: text and index in it of the token that both predict there. */
  readonly worst: { readonly text: number; readonly token: number; readonly kl: number }
  /** Bytes of weights that a pass reads. */
  readonly streamedBytes: number
}

export interface AccuracyOptions {
  /** The f32 model. */
  readonly exact: TargetModel
  readonly rounded: readonly TargetModel[]
  /** Token ids of each text, special tokens included. */
  readonly texts: readonly (readonly number[])[]
  /** Put before the later windows of a text, as the tokenizer puts it before the first one; none unless given. */
  readonly bosTokenId?: number | null
  /** Longest window; the model's context unless given. Nothing is seen across its border. */
  readonly window?: number
  readonly onProgress?: (share: number) => void
  readonly signal?: AbortSignal
}

/**
 * Runs all models over the texts side by side, in windows, a block of rows at a time: memory does not grow with the text.
 * Throws code `argument` where no text has two tokens, so that nothing could be predicted.
 */
export async function measureAccuracy(options: AccuracyOptions): Promise<Accuracy[]> {
  const { exact, rounded, texts, bosTokenId = null, onProgress, signal } = options
  const { vocabSize, contextLength } = exact.spec
  const longest = Math.min(options.window ?? contextLength, contextLength)
  if (!(longest >= 2))
    throw new PacelineError('argument', `a window of ${longest} tokens predicts nothing: give 2 or more`)
  const windows = texts.flatMap((text, i) =>
    windowsOf(text, longest, bosTokenId).map((window) => ({ ...window, text: i })),
  )
  const total = windows.reduce((sum, { tokens }) => sum + tokens.length - 1, 0)
  if (total === 0)
    throw new PacelineError('argument', 'the text is too short: two tokens at least are needed to predict one')

  const sums = rounded.map(() => new Sums())
  const block = blockRows(vocabSize)
  let done = 0
  for (const { text, tokens, first } of windows) {
    const targets = [exact, ...rounded].map((model) => model.createTarget(tokens.length))
    try {
      for (let start = 0; start + 1 < tokens.length; start += block) {
        signal?.throwIfAborted()
        // The last token is only predicted.
        const part = tokens.slice(start, Math.min(start + block, tokens.length - 1))
        const [reference, ...others] = await inTurn(targets, (target) => forwardLogits(target, part))
        for (let row = 0; row < part.length; row++) {
          const next = tokens[start + row + 1]
          const expected = logProbabilities(reference, row, vocabSize)
          for (const [i, logits] of others.entries())
            sums[i].add(expected, logProbabilities(logits, row, vocabSize), next, {
              text,
              token: first + start + row + 1,
            })
        }
        done += part.length
        onProgress?.(done / total)
      }
    } finally {
      for (const target of targets) target.dispose()
    }
  }
  return rounded.map(({ dtype, streamedBytes }, i) => ({ dtype, streamedBytes, ...sums[i].means() }))
}

interface Window {
  readonly tokens: readonly number[]
  /** Index in the text of what would be token 0, BOS or not. */
  readonly first: number
}

/** A text cut into windows that each have something to predict. */
function windowsOf(text: readonly number[], longest: number, bos: number | null): Window[] {
  const repeated = bos !== null && text[0] === bos ? [bos] : []
  const windows: Window[] = []
  for (let start = 0; start < text.length; ) {
    const before = start === 0 ? [] : repeated
    const end = start + longest - before.length
    const tokens = [...before, ...text.slice(start, end)]
    if (tokens.length >= 2) windows.push({ tokens, first: start - before.length })
    start = end
  }
  return windows
}

/** One after the other: a native executor blocks its thread anyway, and memory holds one pass. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}

class Sums {
  #positions = 0
  #agreed = 0
  #kl = 0
  #loss = 0
  #lossExact = 0
  #worst = { text: 0, token: 0, kl: Number.NEGATIVE_INFINITY }

  add(p: LogProbabilities, q: LogProbabilities, next: number, where: { text: number; token: number }): void {
    const shift = q.shift - p.shift
    let kl = 0
    for (let id = 0; id < p.values.length; id++)
      kl += Math.exp(p.values[id] - p.shift) * (p.values[id] - q.values[id] + shift)
    this.#positions++
    if (p.top === q.top) this.#agreed++
    this.#kl += kl
    this.#loss += q.shift - q.values[next]
    this.#lossExact += p.shift - p.values[next]
    if (kl > this.#worst.kl) this.#worst = { ...where, kl }
  }

  means() {
    const positions = this.#positions
    return {
      positions,
      top1: this.#agreed / positions,
      meanKl: this.#kl / positions,
      perplexity: Math.exp(this.#loss / positions),
      perplexityF32: Math.exp(this.#lossExact / positions),
      worst: this.#worst,
    }
  }
}
