import type { PackedDataset, PackedSplit } from './dataset.ts'
import type { Amount } from './format.ts'
import { NgramCounts } from './ngrams.ts'

/** A validation loss on responses. */
export interface Baseline {
  readonly natsPerToken: number
  /** Per UTF-8 byte of the responses, their end tokens paid for: comparable between tokenizers. */
  readonly bitsPerByte: number
}

export interface CountingModels {
  /** Every token of the vocabulary equally likely. */
  readonly uniform: Baseline
  readonly unigram: Baseline
  readonly trigram: Baseline
}

/** What models without understanding reach: a network that is not well below them has learned little. */
export interface Baselines extends CountingModels {
  /** Tasks without validation text are missing. */
  readonly byTask: Readonly<Record<string, CountingModels>>
}

/**
 * Counts n-grams in the training split and predicts the responses of the validation split; tokens of prompts count as
 * contexts, and as predictions where training counts them. Of order n:
 *
 *   p(w | h) = (c(hw) + d(h) p(w | h')) / (c(h) + d(h))
 *
 * c: occurrences, d(h): distinct tokens after h, h': h without its first token; below the unigrams all tokens are equally
 * likely. Witten and Bell, IEEE Transactions on Information Theory 37(4), 1991, as in Chen and Goodman 1999, eq. 14.
 *
 * Undefined without validation text. Takes about 40 bytes of memory per token of training.
 */
export function measureBaselines(dataset: PackedDataset): Baselines | undefined {
  const { vocabSize } = dataset.info.tokenizer
  const counted = dataset.total('validation')
  if (counted.responseTokens === 0) return undefined
  const probability = wittenBell(dataset.split('train'), vocabSize)
  const unigram = lossByTask(dataset, (tokens, at) => probability(tokens, at, at, 1))
  const trigram = lossByTask(dataset, (tokens, at, start) => probability(tokens, at, start, 3))
  const of = (amount: Amount, select: (losses: Float64Array) => number): CountingModels => ({
    uniform: baseline(amount.responseTokens * Math.log(vocabSize), amount),
    unigram: baseline(select(unigram), amount),
    trigram: baseline(select(trigram), amount),
  })
  return {
    ...of(counted, (losses) => losses.reduce((all, loss) => all + loss)),
    byTask: Object.fromEntries(
      dataset.info.tasks.flatMap((task, i) => {
        const amount = dataset.info.splits.validation[i]
        return amount.responseTokens === 0 ? [] : [[task, of(amount, (losses) => losses[i])]]
      }),
    ),
  }
}

function baseline(nats: number, { responseTokens, responseBytes }: Amount): Baseline {
  return { natsPerToken: nats / responseTokens, bitsPerByte: nats / Math.LN2 / responseBytes }
}

type Tokens = PackedSplit['tokens']

/** Nats that the responses of the validation split cost. [tasks] */
function lossByTask(
  dataset: PackedDataset,
  probability: (tokens: Tokens, at: number, start: number) => number,
): Float64Array {
  const { tokens, starts, responseStarts, tasks } = dataset.split('validation')
  const losses = new Float64Array(dataset.info.tasks.length)
  for (const [document, task] of tasks.entries())
    for (let at = responseStarts[document]; at < starts[document + 1]; at++)
      losses[task] -= Math.log(probability(tokens, at, starts[document]))
  return losses
}

/** The probability of `tokens[at]` after those before it, from `start` on, by n-grams up to an order of 3. */
export function wittenBell(
  split: PackedSplit,
  vocabSize: number,
): (tokens: Tokens, at: number, start: number, order: number) => number {
  const counts = [0, 1, 2].map((context) => countNgrams(split, vocabSize, context))
  return (tokens, at, start, order) => {
    let p = 1 / vocabSize
    let history = 0
    for (let context = 0; context < order && at - context >= start; context++) {
      if (context > 0) history += tokens[at - context] * vocabSize ** (context - 1)
      const first = history * vocabSize
      const { total, distinct } = counts[context].range(first, first + vocabSize)
      if (total === 0) break
      const { total: together } = counts[context].range(first + tokens[at], first + tokens[at] + 1)
      p = (together + distinct * p) / (total + distinct)
    }
    return p
  }
}

/** Keys of all n-grams whose last token counts in training. Exact in doubles up to 200,000 tokens of vocabulary. */
function countNgrams({ tokens, weights, starts }: PackedSplit, vocabSize: number, context: number): NgramCounts {
  const keys = new Float64Array(tokens.length)
  let count = 0
  for (let document = 0; document + 1 < starts.length; document++)
    for (let at = starts[document] + Math.max(1, context); at < starts[document + 1]; at++) {
      if (weights[at] === 0) continue
      let key = 0
      for (let i = at - context; i <= at; i++) key = key * vocabSize + tokens[i]
      keys[count++] = key
    }
  return new NgramCounts(keys.subarray(0, count))
}
