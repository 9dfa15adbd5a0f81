import { PacelineError } from '../../errors.ts'
import type { PackedSplit, TokenDataset } from './dataset.ts'
import { epochOrder, ratesOf, shuffled } from './order.ts'
import { type Piece, packSequences } from './packing.ts'

/** Several sequences of rows for one training step. All arrays are [sequences * length]. */
export interface TokenBatch {
  readonly sequences: number
  readonly length: number
  readonly tokens: Int32Array
  /** The token after this one in its document. */
  readonly targets: Int32Array
  /** What predicting the target counts in the loss, 0 to 1; 0 at the last row of a document and at padding. */
  readonly weights: Float32Array
  /** Position within the document; within the piece where a document longer than `length` was cut. */
  readonly positions: Int32Array
  /** The row before in the document, counted through all sequences; -1 at its first row. Padding rows stand alone. */
  readonly parents: Int32Array
  /** Of each row its token among those of the split; -1 at padding. */
  readonly places: Int32Array
}

/** A place in the stream of training batches, as JSON. */
export interface StreamState {
  readonly epoch: number
  /** Sequences of the epoch that have been handed out. */
  readonly index: number
}

export interface BatchShape {
  readonly sequences: number
  /** Rows of a sequence. */
  readonly length: number
}

export interface TokenBatchesOptions extends BatchShape {
  readonly seed: number
  /** How many times an epoch sees each document of a task; 1 unless given. See `temperatureRates`. */
  readonly taskRates?: Readonly<Record<string, number>>
  /** Where to go on; the beginning unless given. */
  readonly state?: StreamState
}

/**
 * Batches of the training split without end, epoch after epoch, each in another order. All of it follows from dataset,
 * options and state: a stream made from the state of another goes on with the same batches.
 */
export class TokenBatches {
  private readonly split: PackedSplit
  private readonly rates: readonly number[]
  private plan: readonly Piece[][]
  private epoch: number
  private index: number
  private readonly options: TokenBatchesOptions

  /** Throws code `argument` for a shape, state or rate that cannot be, or where nothing is left to train on. */
  constructor(dataset: TokenDataset, options: TokenBatchesOptions) {
    requireShape(options)
    this.options = options
    const { taskRates = {}, state = { epoch: 0, index: 0 } } = options
    this.split = dataset.split('train')
    this.rates = ratesOf(dataset.info.tasks, taskRates)
    if (!(Number.isSafeInteger(state.epoch) && state.epoch >= 0))
      throw new PacelineError('argument', `state.epoch is ${state.epoch}, expected an integer from 0 on.`)
    this.epoch = state.epoch
    this.plan = this.planEpoch()
    if (!(Number.isSafeInteger(state.index) && state.index >= 0 && state.index <= this.plan.length))
      throw new PacelineError(
        'argument',
        `state.index is ${state.index}, expected 0 to ${this.plan.length}, the sequences of epoch ${state.epoch}: ` +
          'the state is of another dataset or other options.',
      )
    this.index = state.index
  }

  /** The batches of the validation split: each document once, in an order that is always the same, only responses counted. */
  static *validation(dataset: TokenDataset, shape: BatchShape): Generator<TokenBatch> {
    requireShape(shape)
    const split = dataset.split('validation')
    const weightOf = (token: number, document: number) => (token >= split.responseStarts[document] ? 1 : 0)
    // Shuffled, so that the first batches are of all tasks.
    const order = shuffled(
      Uint32Array.from({ length: split.documentCount }, (_, i) => i),
      0,
      0,
      0,
    )
    const plan = packSequences(split, order, shape.length, weightOf)
    for (let at = 0; at < plan.length; at += shape.sequences)
      yield fill(split, plan.slice(at, at + shape.sequences), shape, weightOf)
  }

  /** Where the next batch begins. */
  get state(): StreamState {
    return { epoch: this.epoch, index: this.index }
  }

  /** Sequences of the present epoch; epochs differ a little. */
  get sequencesInEpoch(): number {
    return this.plan.length
  }

  next(): TokenBatch {
    const sequences: Piece[][] = []
    for (let empty = 0; sequences.length < this.options.sequences; ) {
      if (this.index < this.plan.length) {
        sequences.push(this.plan[this.index++])
        empty = 0
        continue
      }
      // With low rates an epoch can be without a document; a thousand of them are no accident.
      if (++empty > 1000)
        throw new PacelineError('argument', 'There is no document to train on: the split is empty, or all rates are 0.')
      this.epoch++
      this.plan = this.planEpoch()
      this.index = 0
    }
    return fill(this.split, sequences, this.options, this.weightOf)
  }

  private readonly weightOf = (token: number): number => this.split.weights[token] / 255

  private planEpoch(): readonly Piece[][] {
    const { seed, length } = this.options
    const order = epochOrder(this.split, this.rates, seed, this.epoch)
    const plan = packSequences(this.split, order, length, this.weightOf)
    // Packing has sorted documents by length within a window: short ones must not stay together.
    const places = shuffled(
      Uint32Array.from(plan, (_, i) => i),
      seed,
      this.epoch,
      0xffff_ffff,
    )
    return Array.from(places, (place) => plan[place])
  }
}

function fill(
  split: PackedSplit,
  plan: readonly (readonly Piece[])[],
  { sequences, length }: BatchShape,
  weightOf: (token: number, document: number) => number,
): TokenBatch {
  const rows = sequences * length
  const batch = {
    sequences,
    length,
    tokens: new Int32Array(rows),
    targets: new Int32Array(rows),
    weights: new Float32Array(rows),
    positions: new Int32Array(rows),
    parents: new Int32Array(rows).fill(-1),
    places: new Int32Array(rows).fill(-1),
  }
  for (const [sequence, pieces] of plan.entries()) {
    let row = sequence * length
    for (const { from, end, document } of pieces) {
      const last = split.starts[document + 1] - 1
      for (let token = from; token < end; token++, row++) {
        batch.tokens[row] = split.tokens[token]
        batch.positions[row] = token - from
        batch.places[row] = token
        if (token > from) batch.parents[row] = row - 1
        if (token === last) continue
        batch.targets[row] = split.tokens[token + 1]
        batch.weights[row] = weightOf(token + 1, document)
      }
    }
  }
  return batch
}

function requireShape({ sequences, length }: BatchShape): void {
  for (const [name, value, least] of [
    ['sequences', sequences, 1],
    ['length', length, 2],
  ] as const)
    if (!(Number.isSafeInteger(value) && value >= least))
      throw new PacelineError('argument', `${name} is ${value}, expected an integer of at least ${least}.`)
}
