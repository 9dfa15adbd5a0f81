import type { Dtype } from '../../checkpoint/index.ts'
import { type AcceptanceRule, createSampler, type Drafter, type Step, TokenHistory } from '../../decoding/index.ts'
import type { TargetModel } from '../../model/index.ts'
import { breathe } from '../interruptible.ts'
import { forwardLogits } from '../logits.ts'
import { firstDivergence, isExplained, tieOf } from './divergence.ts'
import { type PlainText, prefilled } from './row-error.ts'
import { capacityFor, tokensOf, type VerifyPrompt, write } from './texts.ts'

/** A text of plain decoding, which those of drafters are compared with. */
export interface Reference extends PlainText {
  readonly question: VerifyPrompt
  /** Above temperature 0 a seed tells which text it is. */
  readonly sampling: { readonly temperature: number; readonly seed: number }
}

/** Where and how a text with a drafter left that of plain decoding. */
export interface Divergence {
  readonly drafter: string
  readonly dtype: Dtype
  readonly strict: number
  readonly temperature: number
  readonly seed: number
  /** The question in its suite. */
  readonly prompt: number
  /** Of the first token that differs, from the beginning of the answer. */
  readonly position: number
  /** The two tokens there; null where a text had ended. */
  readonly plain: number | null
  readonly drafted: number | null
  /** Between the two likeliest tokens there, in logits (with the noise of the draw above temperature 0). */
  readonly margin: number
  /** Between the two tokens that differ. */
  readonly gap: number
  /** The target's token by passes of one row over the tokens of plain decoding. */
  readonly oneRow: number
  /** Rounding explains it: one row yields plain's token, and both are nearer than twice the executor's error. */
  readonly explained: boolean
}

/** How the texts of one drafter compare with those of plain decoding, at one temperature. */
export interface TextComparison {
  readonly drafter: string
  readonly dtype: Dtype
  /** The band within which a pass of one row decides; 0: it never does. */
  readonly strict: number
  readonly temperature: number
  /** Texts compared: above temperature 0 a prompt has several, one for each seed. */
  readonly prompts: number
  readonly identical: number
  readonly explained: number
  readonly unexplained: number
  readonly tokens: number
  /** Tokens per step. */
  readonly tau: number
}

export interface CompareOptions {
  readonly model: TargetModel
  readonly drafter: Drafter
  /** As it was asked for. */
  readonly name: string
  /** All of one temperature. */
  readonly references: readonly Reference[]
  readonly maxTokens: number
  readonly strict: number
  readonly rule: AcceptanceRule
  /** How far logits of many rows are from those of one. */
  readonly rowError: number
  readonly signal?: AbortSignal
  readonly onProgress?: (share: number) => void
}

export interface Compared {
  readonly comparison: TextComparison
  readonly divergences: readonly Divergence[]
  /** Of each text. */
  readonly steps: readonly (readonly Step[])[]
}

/** Writes every text with a drafter and compares token by token. */
export async function compareTexts(options: CompareOptions): Promise<Compared> {
  const { model, drafter, name, references, maxTokens, strict, rule, signal, onProgress } = options
  const divergences: Divergence[] = []
  const steps: Step[][] = []
  for (const reference of references) {
    const { prompt, sampling } = reference
    const written = await write(model, drafter, prompt, {
      sampling,
      maxTokens,
      strict,
      rule,
      ...(signal && { signal }),
    })
    steps.push(written)
    const divergence = await findDivergence(options, reference, tokensOf(written))
    if (divergence) divergences.push(divergence)
    onProgress?.(steps.length / references.length)
  }
  const explained = divergences.filter((divergence) => divergence.explained).length
  const tokens = steps.flatMap(tokensOf).length
  const comparison: TextComparison = {
    drafter: name,
    dtype: model.dtype,
    strict,
    temperature: references[0].sampling.temperature,
    prompts: references.length,
    identical: references.length - divergences.length,
    explained,
    unexplained: divergences.length - explained,
    tokens,
    tau: tokens / steps.flat().length,
  }
  return { comparison, divergences, steps }
}

async function findDivergence(
  { model, name, maxTokens, strict, rowError, signal }: CompareOptions,
  reference: Reference,
  ids: readonly number[],
): Promise<Divergence | undefined> {
  const { prompt, ids: plainIds, question, sampling } = reference
  const position = firstDivergence(plainIds, ids)
  if (position === undefined) return undefined
  const decided = plainIds.slice(0, position)
  const logits = await oneRowLogits(model, { prompt, ids: decided }, capacityFor(model, prompt, maxTokens), signal)
  const sampler = createSampler(sampling, model.spec.vocabSize)
  const history = new TokenHistory(prompt)
  for (const token of decided) history.push(token)
  const oneRow = sampler.draw(logits, position, history)
  const [plain, drafted] = [plainIds.at(position), ids.at(position)]
  const tie = tieOf(logits, sampler.settings, position, plain, drafted)
  return {
    ...{ drafter: name, dtype: model.dtype, strict, ...sampling, prompt: question.id, position },
    plain: plain ?? null,
    drafted: drafted ?? null,
    ...tie,
    oneRow,
    explained: isExplained(oneRow, plain, tie, rowError),
  }
}

/**
 * Logits behind a text as plain decoding computes them, with a cache as large, one row at a time: [vocab]. Throws the signal's
 * reason.
 */
async function oneRowLogits(
  model: TargetModel,
  { prompt, ids }: PlainText,
  capacity: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const target = await prefilled(model, prompt, capacity)
  try {
    let logits = await forwardLogits(target, [prompt[prompt.length - 1]])
    for (const token of ids) {
      await breathe(signal)
      logits = await forwardLogits(target, [token])
    }
    return logits
  } finally {
    target.dispose()
  }
}
