import type { Dtype } from '../checkpoint/index.ts'
import { PacelineError } from '../errors.ts'
import type { Target, TargetModel } from '../model/index.ts'
import { type Baseline, type PackedDataset, type PackedSplit, type SplitName, shuffled } from '../training/index.ts'
import { blockRows, forwardLogits, logProbabilities } from './logits.ts'

/** The loss of a model on the responses of one task. */
export interface TaskLoss extends Baseline {
  readonly task: string
  readonly documents: number
  /** Tokens predicted: those of responses, with the one that ends them. */
  readonly tokens: number
  /** Documents longer than the model's context: what is beyond it was predicted without what is before. */
  readonly cut: number
}

/**
 * The loss of a model on the responses of a split. Overall, each task counts as much as it has response tokens in the
 * split, also where only some of them were predicted.
 */
export interface Evaluation extends Baseline {
  readonly dtype: Dtype
  readonly executor: string
  /** Tasks with text in the split, in the order of the dataset. */
  readonly tasks: readonly TaskLoss[]
}

export interface EvaluateOptions {
  /** `validation` unless given. */
  readonly split?: SplitName
  /** Ends each task after the document with which so many tokens are predicted; all documents unless given. */
  readonly limit?: number
  readonly onProgress?: (share: number) => void
  readonly signal?: AbortSignal
}

/**
 * Predicts every response of a split after its prompt, a document at a time and some rows at once: memory does not grow
 * with the data. A document longer than the model's context is cut into pieces that do not see one another, as training
 * with sequences of that length does; the first token of a piece is not predicted.
 *
 * Nats per token are means over predicted tokens. Bits per byte are these times the response tokens that the task has
 * per UTF-8 byte in the whole split, so that they can be compared between tokenizers, and with `measureBaselines`.
 *
 * The dataset has to be packed with the tokenizer of the model: `PackedDataset.open` with its fingerprint checks that.
 * Throws code `argument` where the split has no responses, `context` where a task has no response that begins within the
 * model's context, and the signal's reason.
 */
export async function evaluate(
  model: TargetModel,
  dataset: PackedDataset,
  { split: name = 'validation', limit = Number.POSITIVE_INFINITY, onProgress, signal }: EvaluateOptions = {},
): Promise<Evaluation> {
  const split = dataset.split(name)
  const { contextLength } = model.spec
  if (dataset.total(name).responseTokens === 0)
    throw new PacelineError(
      'argument',
      `${dataset.folder}: the ${name} split has no responses. Evaluate the other split, or pack with more for this one.`,
    )
  const byTask = documentsByTask(dataset, name)
  for (const [task, documents] of byTask.entries()) requireContext(dataset, split, task, documents, contextLength)
  const chosen = byTask.map((documents) => firstOf(documents, split, contextLength, limit))

  const size = (document: number) => split.starts[document + 1] - split.starts[document]
  const all = chosen.flat().reduce((sum, document) => sum + size(document), 0)
  let done = 0
  const tasks: TaskLoss[] = []
  const target = model.createTarget()
  try {
    for (const [task, documents] of chosen.entries()) {
      const amount = dataset.info.splits[name][task]
      if (amount.responseTokens === 0) continue
      let [nats, tokens, cut] = [0, 0, 0]
      for (const document of documents) {
        signal?.throwIfAborted()
        const loss = await lossOf(target, split, document)
        nats += loss.nats
        tokens += loss.tokens
        if (size(document) > contextLength) cut++
        done += size(document)
        onProgress?.(done / all)
      }
      const natsPerToken = nats / tokens
      const bitsPerByte = (natsPerToken * amount.responseTokens) / Math.LN2 / amount.responseBytes
      tasks.push({
        task: dataset.info.tasks[task],
        documents: documents.length,
        tokens,
        cut,
        natsPerToken,
        bitsPerByte,
      })
    }
  } finally {
    target.dispose()
  }
  return { dtype: model.dtype, executor: model.executor, ...overall(dataset, name, tasks), tasks }
}

/** Documents with a response, by task; shuffled, always in the same way, so that the first ones stand for all. */
export function documentsByTask(dataset: PackedDataset, name: SplitName): Uint32Array[] {
  const { starts, responseStarts, tasks } = dataset.split(name)
  const byTask: number[][] = dataset.info.tasks.map(() => [])
  for (const [document, task] of tasks.entries())
    if (responseStarts[document] < starts[document + 1]) byTask[task].push(document)
  return byTask.map((documents, task) => shuffled(documents, 0, 0, task))
}

/** A stretch of a document that is seen at once: tokens `from` to `last`, of which those from `first` on are predicted. */
interface Piece {
  readonly from: number
  readonly first: number
  readonly last: number
}

/** The pieces of a document in which there is something to predict. */
function piecesOf({ starts, responseStarts }: PackedSplit, document: number, contextLength: number): Piece[] {
  const pieces: Piece[] = []
  for (let from = starts[document]; from < starts[document + 1]; from += contextLength) {
    const last = Math.min(from + contextLength, starts[document + 1]) - 1
    const first = Math.max(from + 1, responseStarts[document])
    if (first <= last) pieces.push({ from, first, last })
  }
  return pieces
}

/** As many documents as it takes to predict `limit` tokens. */
function firstOf(documents: Uint32Array, split: PackedSplit, contextLength: number, limit: number): number[] {
  const chosen: number[] = []
  for (let at = 0, tokens = 0; at < documents.length && tokens < limit; at++) {
    chosen.push(documents[at])
    for (const { first, last } of piecesOf(split, documents[at], contextLength)) tokens += last - first + 1
  }
  return chosen
}

function overall(dataset: PackedDataset, name: SplitName, losses: readonly TaskLoss[]): Baseline {
  let nats = 0
  for (const { task, natsPerToken } of losses)
    nats += natsPerToken * dataset.info.splits[name][dataset.info.tasks.indexOf(task)].responseTokens
  const { responseTokens, responseBytes } = dataset.total(name)
  return { natsPerToken: nats / responseTokens, bitsPerByte: nats / Math.LN2 / responseBytes }
}

/** Without it, all losses of a task would be of text whose prompt was not seen. */
function requireContext(
  { folder, info }: PackedDataset,
  { starts, responseStarts }: PackedSplit,
  task: number,
  documents: Uint32Array,
  contextLength: number,
): void {
  const shortest = documents.reduce((min, i) => Math.min(min, responseStarts[i] - starts[i]), Number.POSITIVE_INFINITY)
  if (documents.length > 0 && shortest >= contextLength)
    throw new PacelineError(
      'context',
      `${folder}: the shortest prompt of the task "${info.tasks[task]}" has ${shortest} tokens, the model's context ` +
        `${contextLength}: no response would be predicted after its prompt. Evaluate a model with a longer context.`,
    )
}

/** Nats that the response of a document costs, and how many of its tokens were predicted. */
async function lossOf(target: Target, split: PackedSplit, document: number): Promise<{ nats: number; tokens: number }> {
  const { contextLength, vocabSize } = target.spec
  const block = blockRows(vocabSize)
  let [nats, tokens] = [0, 0]
  for (const { from, first, last } of piecesOf(split, document, contextLength)) {
    target.truncate(0)
    // Rows `at` to `until` - 1 predict the tokens one further on; those of the prompt need no logits.
    for (let at = from, until = at; at < last; at = until) {
      until = Math.min(at + block, last)
      const skipped = Math.min(Math.max(0, first - 1 - at), until - at)
      const logits = await forwardLogits(target, split.tokens.subarray(at, until), skipped)
      for (let row = 0; row < until - at - skipped; row++, tokens++) {
        const { values, shift } = logProbabilities(logits, row, vocabSize)
        nats += shift - values[split.tokens[at + skipped + row + 1]]
      }
    }
  }
  return { nats, tokens }
}
