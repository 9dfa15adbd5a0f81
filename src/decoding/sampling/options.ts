import { PacelineError } from '../../errors.ts'

/**
 * How the target's logits become its next token. Processors run in this order: repetition penalty, presence and
 * frequency penalty, logit bias (after the penalties, so that they do not scale it), then as in Hugging Face
 * transformers temperature, top-k, top-p, min-p.
 * At temperature 0 the filters cannot change the result: it is the argmax after penalties and bias.
 * Of equally likely tokens the one with the lowest id comes first, everywhere.
 */
export interface SamplingOptions {
  /** Divides the logits, >= 0. 0 (the default) is greedy: always the most likely token. */
  temperature?: number
  /** Keep the k most likely tokens, exactly k even among ties. 0 (the default) keeps all. Fan et al. 2018. */
  topK?: number
  /**
   * Keep the fewest of the likeliest tokens whose probabilities sum to at least topP. 1 (the default) keeps all.
   * Holtzman et al. 2019.
   */
  topP?: number
  /** Keep tokens at least minP times as likely as the likeliest. 0 (the default) keeps all. Nguyen et al. 2024. */
  minP?: number
  /**
   * Positive logits of tokens in the prompt or the output are divided by it, negative ones multiplied. 1 (the default)
   * is off. CTRL, Keskar et al. 2019, with the sign rule of Hugging Face transformers.
   */
  repetitionPenalty?: number
  /** Subtracted once from the logit of every token that is in the output (the prompt does not count). OpenAI API. */
  presencePenalty?: number
  /** Subtracted from a token's logit once per occurrence in the output (the prompt does not count). OpenAI API. */
  frequencyPenalty?: number
  /** Added to the logits of the named token ids. OpenAI API. */
  logitBias?: Readonly<Record<number, number>> | ReadonlyMap<number, number>
  /** Same seed, same text. Random when absent; the sampler's `settings.seed` tells which it was. */
  seed?: number
}

/** Sampling options after validation: nothing missing, nothing out of range. */
export interface SamplingSettings extends Readonly<Required<SamplingOptions>> {
  readonly logitBias: ReadonlyMap<number, number>
}

type NumericOption = Exclude<keyof SamplingOptions, 'logitBias'>

const between = (low: number, high: number) => (value: number) => value >= low && value <= high

const rules: Record<NumericOption, { fallback: () => number; range: string; allows: (value: number) => boolean }> = {
  temperature: { fallback: () => 0, range: 'a finite number >= 0', allows: between(0, Number.MAX_VALUE) },
  topK: { fallback: () => 0, range: 'an integer >= 0 (0 keeps all tokens)', allows: isNatural },
  topP: { fallback: () => 1, range: 'a number from 0 to 1', allows: between(0, 1) },
  minP: { fallback: () => 0, range: 'a number from 0 to 1', allows: between(0, 1) },
  repetitionPenalty: { fallback: () => 1, range: 'a number from 0.01 to 100', allows: between(0.01, 100) },
  presencePenalty: { fallback: () => 0, range: 'a number from -2 to 2', allows: between(-2, 2) },
  frequencyPenalty: { fallback: () => 0, range: 'a number from -2 to 2', allows: between(-2, 2) },
  seed: { fallback: randomSeed, range: 'an integer from 0 to 2^53 - 1', allows: isNatural },
}

/**
 * Checks every option and fills in the defaults, a random seed included. Throws code `argument` for the first
 * option that is out of range; `vocabSize` bounds the token ids of `logitBias`.
 */
export function validateSampling(options: SamplingOptions, vocabSize: number): SamplingSettings {
  const pick = (name: NumericOption): number => {
    const { fallback, range, allows } = rules[name]
    const value: unknown = options[name] ?? fallback()
    if (typeof value === 'number' && allows(value)) return value
    throw new PacelineError('argument', `${name} must be ${range}, got ${show(value)}`)
  }
  return {
    temperature: pick('temperature'),
    topK: pick('topK'),
    topP: pick('topP'),
    minP: pick('minP'),
    repetitionPenalty: pick('repetitionPenalty'),
    presencePenalty: pick('presencePenalty'),
    frequencyPenalty: pick('frequencyPenalty'),
    logitBias: validateBias(options.logitBias ?? {}, vocabSize),
    seed: pick('seed'),
  }
}

function validateBias(bias: NonNullable<SamplingOptions['logitBias']>, vocabSize: number): Map<number, number> {
  if (typeof bias !== 'object' || Array.isArray(bias))
    throw new PacelineError('argument', `logitBias must be a Map or an object from token id to bias, got ${show(bias)}`)
  const checked = new Map<number, number>()
  for (const [key, value] of bias instanceof Map ? bias : Object.entries(bias)) {
    const token = Number(key)
    // Compared as text, so that keys such as '' or '1e3', which Number() would accept, are refused.
    if (String(token) !== String(key) || !isNatural(token) || token >= vocabSize)
      throw new PacelineError(
        'argument',
        `logitBias: token ids must be integers from 0 to ${vocabSize - 1}, got ${show(key)}`,
      )
    if (typeof value !== 'number' || !between(-100, 100)(value))
      throw new PacelineError('argument', `logitBias[${token}] must be a number from -100 to 100, got ${show(value)}`)
    checked.set(token, value)
  }
  return checked
}

function isNatural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 53)
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
