import { PacelineError } from '../errors.ts'
import type { RowOutputs, Target } from '../model/index.ts'
import type { Drafter } from './drafter.ts'
import { type Sampler, TokenHistory } from './sampling/index.ts'
import { type Acceptance, verify } from './verify.ts'

export interface DecodeOptions {
  readonly sampler: Sampler
  /** Exactly this many tokens are emitted unless the text ends earlier. */
  readonly maxTokens: number
  /** Tokens that end the text; the one that does is emitted. */
  readonly eosTokenIds: readonly number[]
  /** Rows of one pass at most, the root included. */
  readonly maxRows?: number
  /** Looked at before each pass; when it is up, the text ends there. */
  readonly stopSign?: StopSign
}

/** Ends a text early. An AbortSignal is one. */
export interface StopSign {
  readonly aborted: boolean
}

/** What one pass of the target decided, and what it took. Times in milliseconds. */
export interface Step {
  /** Emitted tokens: accepted guesses, then the bonus token. */
  readonly tokens: readonly number[]
  /** How many of them were guesses. */
  readonly accepted: number
  readonly rows: number
  /** Guesses on the longest path of the tree. */
  readonly depth: number
  readonly draftMs: number
  readonly forwardMs: number
  /** The whole step, from the end of the one before. */
  readonly totalMs: number
}

/** Prompts enter the cache in passes of this many rows: large enough for full speed, small enough to stop in between. */
const prefillRows = 256
const defaultMaxRows = 64

/**
 * Puts all of the prompt but its last token into the target's empty cache, and starts the drafter. False if stopped before.
 * Throws code `argument` for an empty prompt, `context` for one that leaves no room to generate.
 */
export async function prefill(
  target: Target,
  drafter: Drafter,
  prompt: readonly number[],
  stopSign?: StopSign,
): Promise<boolean> {
  if (prompt.length === 0)
    throw new PacelineError('argument', 'the prompt is empty: there must be at least one token to continue')
  if (prompt.length >= target.capacity)
    throw new PacelineError(
      'context',
      `the prompt has ${prompt.length} tokens, the context of the model is ${target.capacity}: shorten the prompt`,
    )
  const before = prompt.length - 1
  const features: Float32Array[] = []
  for (let start = 0; start < before; start += prefillRows) {
    if (stopSign?.aborted) return false
    const tokens = Int32Array.from(prompt.slice(start, Math.min(start + prefillRows, before)))
    const parents = tokens.map((_, i) => i - 1)
    const outputs = await target.forward({ tokens, parents }, { features: drafter.wantsFeatures ?? false })
    target.commit(tokens.map((_, i) => i))
    if (outputs.features) features.push(outputs.features)
  }
  await drafter.start({ tokens: prompt, ...(drafter.wantsFeatures && { features: concatenate(features) }) })
  return true
}

/**
 * The one loop: the drafter guesses, one forward pass of the target checks all guesses, the accepted ones are kept.
 * Emits exactly what plain decoding of the target would, step by step; plain decoding is this loop with a drafter that
 * never guesses. The target's cache holds the prompt without its last token (`prefill`).
 */
export async function* decode(
  target: Target,
  drafter: Drafter,
  prompt: readonly number[],
  { sampler, maxTokens, eosTokenIds, maxRows = defaultMaxRows, stopSign }: DecodeOptions,
): AsyncGenerator<Step, void, undefined> {
  const history = new TokenHistory(prompt)
  const end = Math.min(maxTokens, target.capacity - prompt.length)
  const want = { head: sampler.greedy ? 'argmax' : 'logits', features: drafter.wantsFeatures ?? false } as const
  let root = prompt[prompt.length - 1]
  let from = performance.now()
  while (history.length < end && !stopSign?.aborted) {
    // A tree of r rows decides at most r tokens, so this also keeps to the last token asked for, and to the cache.
    const rows = Math.min(maxRows, end - history.length)
    const drafting = performance.now()
    const { tree } = await drafter.propose(root, { rows })
    const drafted = performance.now()
    if (tree.size > rows || tree.tokens[0] !== root)
      throw new PacelineError(
        'runtime',
        `drafter ${drafter.name} proposed ${tree.size} rows from token ${tree.tokens[0]}, expected at most ${rows} from ${root}`,
      )

    const outputs = await target.forward(tree, want)
    const forwarded = performance.now()

    const { path, bonus } = verify(tree, (row) => {
      if (row > 0) history.push(tree.tokens[row])
      return outputs.argmax?.[row] ?? sampler.draw(logitsOf(outputs, row, target), history.length, history)
    })
    history.push(bonus)
    target.commit(path)
    const emitted = [...path.slice(1).map((row) => tree.tokens[row]), bonus]
    await drafter.observe({ path, bonus, emitted, ...featuresOf(outputs, path, target) })

    const eos = emitted.findIndex((token) => eosTokenIds.includes(token))
    const tokens = eos < 0 ? emitted : emitted.slice(0, eos + 1)
    const now = performance.now()
    yield {
      tokens,
      accepted: Math.min(path.length - 1, tokens.length),
      rows: tree.size,
      depth: tree.depth,
      draftMs: drafted - drafting,
      forwardMs: forwarded - drafted,
      totalMs: now - from,
    }
    if (eos >= 0) return
    from = performance.now()
    root = bonus
  }
}

function logitsOf({ logits }: RowOutputs, row: number, { spec: { vocabSize } }: Target): Float32Array {
  return logits!.subarray(row * vocabSize, (row + 1) * vocabSize)
}

function featuresOf(
  { features }: RowOutputs,
  path: Acceptance['path'],
  { spec: { hiddenSize } }: Target,
): { features?: Float32Array } {
  return features
    ? { features: concatenate(path.map((row) => features.subarray(row * hiddenSize, (row + 1) * hiddenSize))) }
    : {}
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
