import { type ModelSpec, randomCheckpoint } from '../checkpoint/index.ts'
import { createSampler, type Drafter, decode, prefill, type Step, TokenTree } from '../decoding/index.ts'
import { none } from '../drafters/index.ts'
import { PacelineError } from '../errors.ts'
import { median } from '../median.ts'
import { loadTargetModel, type Target, type TargetModel } from '../model/index.ts'
import type { Executor } from '../runtime/index.ts'

/** What a step costs beside drafting and the pass: making the tree, verifying, committing, handing over, everything. */
export interface Overhead {
  readonly vocabSize: number
  /** Positions of the prompt. */
  readonly context: number
  readonly rows: number
  /** Emitted tokens a step. */
  readonly tau: number
  /** Measured steps. */
  readonly steps: number
  /** Of our own code, in microseconds per step: the median, and what the fastest tenth stays below. */
  readonly medianUs: number
  readonly fastUs: number
  /** Of the pass, in milliseconds: the median. */
  readonly forwardMs: number
}

export interface OverheadOptions {
  readonly contexts: readonly number[]
  /** Rows of each tree. */
  readonly rows?: number
  /** Texts written at each context. */
  readonly texts?: number
  readonly onProgress?: (share: number) => void
}

/** Guesses of a tree that are right; the others are siblings of them, and wrong. */
const right = 4
/** Tokens of a text: its last step still has room for all rows. */
const tokens = 60

/**
 * Decodes with a drafter that has its trees ready, so that all it does is hand them over. The time of a step is that
 * between two steps as their reader sees it; the pass is the time inside `Target.forward`.
 * Throws code `context` where a context leaves no room for a text.
 */
export async function measureOverhead(
  model: TargetModel,
  { contexts, rows = 16, texts = 100, onProgress }: OverheadOptions,
): Promise<Overhead[]> {
  const results: Overhead[] = []
  for (const [i, context] of contexts.entries()) {
    if (context < 1 || context + tokens > model.spec.contextLength)
      throw new PacelineError(
        'context',
        `${context} positions leave no room for ${tokens} more in a context of ${model.spec.contextLength}`,
      )
    const prompt = Array.from({ length: context }, (_, at) => (at * 7) % model.spec.vocabSize)
    const timed: TimedStep[] = []
    const target = model.createTarget()
    try {
      const truth = (await write(target, none(), prompt)).flatMap(({ step }) => step.tokens)
      const drafter = readyMade(truth, rows, model.spec.vocabSize)
      // The first tenth warms up.
      const unseen = Math.ceil(texts / 10)
      for (let text = -unseen; text < texts; text++) {
        const steps = await write(target, drafter, prompt)
        if (text >= 0) timed.push(...steps.filter(({ step }) => step.rows === rows))
        onProgress?.((i + (text + unseen + 1) / (texts + unseen)) / contexts.length)
      }
    } finally {
      target.dispose()
    }
    const own = timed.map(({ ms, step }) => 1000 * (ms - step.forwardMs)).sort((a, b) => a - b)
    results.push({
      vocabSize: model.spec.vocabSize,
      context,
      rows,
      tau: timed.reduce((sum, { step }) => sum + step.tokens.length, 0) / timed.length,
      steps: timed.length,
      medianUs: median(own),
      fastUs: own[Math.floor(own.length / 10)],
      forwardMs: median(timed.map(({ step }) => step.forwardMs)),
    })
  }
  return results
}

interface TimedStep {
  readonly step: Step
  readonly ms: number
}

/** Writes one text. The prompt is read once: from then on the cache is cut back to it. */
async function write(target: Target, drafter: Drafter, prompt: readonly number[]): Promise<TimedStep[]> {
  const sampler = createSampler({}, target.spec.vocabSize)
  const options = { sampler, maxTokens: tokens, eosTokenIds: [] }
  if (target.length === 0) await prefill(target, drafter, prompt, options)
  else {
    target.truncate(prompt.length - 1)
    await drafter.start({ tokens: prompt, sampler, rule: 'target-draw' })
  }
  const steps: TimedStep[] = []
  let from = performance.now()
  for await (const step of decode(target, drafter, prompt, options)) {
    const now = performance.now()
    steps.push({ step, ms: now - from })
    from = now
  }
  return steps
}

/** Proposes trees whose first guesses are the next tokens of `truth`; what remains of the rows are siblings of these. */
function readyMade(truth: readonly number[], rows: number, vocabSize: number): Drafter {
  const trees = truth.map((_, position) => {
    const chain = truth.slice(position, position + right)
    const wrong = Array.from({ length: Math.max(0, rows - 1 - chain.length) }, (_, i) => {
      const parent = i % (chain.length || 1)
      return { parent, token: ((chain[parent] ?? 0) + 1 + i) % vocabSize }
    })
    const guesses = [...chain, ...wrong.map(({ token }) => token)].slice(0, rows - 1)
    const parents = [-1, ...chain.map((_, i) => i), ...wrong.map(({ parent }) => parent)].slice(0, rows)
    return { tokens: Int32Array.of(0, ...guesses), parents: Int32Array.from(parents) }
  })
  let position = 0
  return {
    name: 'ready-made',
    start() {
      position = 0
    },
    propose(root, budget) {
      const { tokens, parents } = trees[position]
      tokens[0] = root
      // Near the end of a text there is less room; such steps are not counted.
      return { tree: new TokenTree(tokens.subarray(0, budget.rows), parents.subarray(0, budget.rows)) }
    },
    observe({ emitted }) {
      position += emitted.length
    },
  }
}

/** A model of the same width with one layer of random weights and `vocabSize` tokens: what the vocabulary alone changes. */
export function loadWider(
  { hiddenSize, intermediateSize, headCount, kvHeadCount, headDim, contextLength }: ModelSpec,
  vocabSize: number,
  executor: Executor,
): Promise<TargetModel> {
  const shape = { hiddenSize, intermediateSize, headCount, kvHeadCount, headDim, contextLength }
  const { spec, source } = randomCheckpoint({ ...shape, layerCount: 1, vocabSize }, 1)
  return loadTargetModel(spec, source, { executor, dtype: 'int8' })
}
