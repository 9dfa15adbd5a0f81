import type { ModelSpec } from '../checkpoint/index.ts'
import { PacelineError } from '../errors.ts'
import type { Executable, KvCache } from '../runtime/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { Embedding } from './embedding.ts'
import { checkVectors, type LearnedRiders, lookupRows } from './riders.ts'

/** The rows of one forward pass. A row stands at position `length + depth` and sees the cache, its ancestors, itself. */
export interface Rows {
  readonly tokens: Int32Array
  /** Of each row of this pass: -1 follows the cache, otherwise the number of an earlier row, parents[i] < held + i. */
  readonly parents: Int32Array
  /**
   * How many of the rows that have passed since the last commit or truncate stay: the first ones, with their numbers. The
   * rows of this pass are numbered behind them; none unless given.
   */
  readonly held?: number
  /** Rows of this pass from this one on are riders: see `Target.setRiders`. None are unless given. */
  readonly ridersFrom?: number
}

/**
 * What the head yields of a row. `argmax`: its likeliest token; `top`: its likeliest few and their probabilities, of a
 * model loaded with them; `logits`: all of them.
 */
export type HeadOutput = 'argmax' | 'top' | 'logits'

/** What should leave the executor. Full logits of many rows are large: ask for them only where a rule needs them. */
export interface Want {
  readonly head?: HeadOutput | readonly HeadOutput[]
  /** The rows the head runs on; all unless given. */
  readonly headRows?: readonly number[]
  readonly features?: boolean
  /** Layers (from 0) whose output is wanted; the model must have been loaded with them. */
  readonly taps?: readonly number[]
}

/** Indexed as asked: `argmax[i]` and `logits` row i belong to `headRows[i]`, features and taps to row i. */
export interface RowOutputs {
  readonly argmax?: Int32Array // [headRows]
  readonly logits?: Float32Array // [headRows, vocab]
  readonly top?: Top
  readonly features?: Float32Array // [rows, hidden]
  readonly taps?: readonly Float32Array[] // each [rows, hidden]
}

/** The likeliest tokens of each row in falling order, the lowest id first among equals. */
export interface Top {
  readonly tokens: Int32Array // [headRows, top]
  readonly logProbabilities: Float32Array // [headRows, top]
}

/** What the targets of one model share. */
export interface TargetParts {
  readonly trunk: Executable
  readonly head: Executable
  readonly embedding: Embedding
  /** Layers whose output the trunk yields. */
  readonly taps: readonly number[]
  /** Of how many of the likeliest tokens the head tells. */
  readonly top: number
}

/** One text in the making: the target model, and the keys and values of the positions decided so far. */
export class Target {
  readonly spec: ModelSpec
  readonly #trunk: Executable
  readonly #head: Executable
  readonly #embedding: Embedding
  readonly #taps: readonly number[]
  readonly #top: number
  readonly #cache: KvCache
  /** How far behind the cache's last position each row stands that has passed since the last commit or truncate. */
  #depths: readonly number[] = []
  #riders: LearnedRiders | undefined

  constructor(spec: ModelSpec, parts: TargetParts, capacity: number) {
    this.spec = spec
    this.#trunk = parts.trunk
    this.#head = parts.head
    this.#embedding = parts.embedding
    this.#taps = parts.taps
    this.#top = parts.top
    this.#cache = parts.trunk.createCache(capacity)
  }

  /** Positions in the cache. */
  get length(): number {
    return this.#cache.length
  }

  /** Positions the cache may grow to. */
  get capacity(): number {
    return this.#cache.capacity
  }

  get cacheBytes(): number {
    return this.#cache.bytes
  }

  /**
   * One forward pass. Nothing is kept until `commit`, and rows beyond `held` of the passes before are forgotten. Throws
   * code `context` when the rows do not fit the cache, `argument` for rows, tokens or wishes that make no sense.
   */
  async forward(
    { tokens, parents, held = 0, ridersFrom = tokens.length }: Rows,
    { head, headRows, features: wantsFeatures, taps = [] }: Want,
  ): Promise<RowOutputs> {
    if (tokens.length === 0 || tokens.length !== parents.length)
      throw new PacelineError(
        'argument',
        `a forward pass needs as many parents (${parents.length}) as tokens (${tokens.length}), at least one`,
      )
    for (const layer of taps)
      if (!this.#taps.includes(layer))
        throw new PacelineError(
          'argument',
          `layer ${layer} cannot be tapped, the model was loaded with taps of [${this.#taps}]`,
        )
    const headOutputs = head === undefined ? [] : typeof head === 'string' ? [head] : head
    for (const row of headRows ?? [])
      if (!(Number.isInteger(row) && row >= 0 && row < tokens.length))
        throw new PacelineError('argument', `the head cannot run on row ${row} of ${tokens.length}`)
    const { hiddenSize, vocabSize } = this.spec
    const rows = { ridersFrom, riders: this.#riders, vocabSize, hiddenSize }
    const data = await lookupRows(this.#embedding, tokens, rows)
    const x: Tensor = { dtype: 'f32', shape: [tokens.length, hiddenSize], data }
    const outputs = ['features', ...taps.map((layer) => `tap ${layer}`)]
    const depths = this.#depths.slice(0, held)
    for (const parent of parents) depths.push(parent < 0 ? 0 : depths[parent] + 1)
    const positions = tokens.map((_, i) => this.length + depths[held + i])
    const run = await this.#trunk.run(
      { x, positions: { dtype: 'i32', shape: [tokens.length], data: positions } },
      { rows: { cache: this.#cache, parents, held, ridersFrom }, outputs },
    )
    this.#depths = depths
    const features = run.features.data as Float32Array // [rows, hidden]
    return {
      ...(headOutputs.length > 0 &&
        (await this.head(headRows ? pick(features, headRows, hiddenSize) : features, headOutputs))),
      ...(wantsFeatures && { features }),
      ...(taps.length > 0 && { taps: taps.map((layer) => run[`tap ${layer}`].data as Float32Array) }),
    }
  }

  /** Appends the keys and values of these rows to the cache, a path, first row first; forgets all others that passed. */
  commit(path: ArrayLike<number>): void {
    this.#cache.commit(path)
    this.#depths = []
  }

  /** Forgets the positions from `length` on. */
  truncate(length: number): void {
    this.#cache.truncate(length)
    this.#depths = []
  }

  /**
   * What riders of the passes to come have learned; nothing unless given. Rows before them do not depend on it, nor does
   * what is committed. Throws code `argument` unless the cache is empty and the sizes are those of the model.
   */
  setRiders(riders?: LearnedRiders): void {
    if (riders) checkVectors(riders, this.spec.hiddenSize)
    this.#cache.setPrefix(riders?.prefix ?? [])
    this.#riders = riders
  }

  dispose(): void {
    this.#cache.dispose()
  }

  /**
   * The LM head alone, on features [rows, hidden] of a pass: for rows of which only the outcome tells whether they matter.
   * Throws code `argument` for outputs that the model was loaded without.
   */
  async head(features: Float32Array, wanted: readonly HeadOutput[]): Promise<RowOutputs> {
    if (wanted.includes('top') && this.#top === 0)
      throw new PacelineError('argument', 'the model was loaded without its likeliest tokens (top)')
    const shape = [features.length / this.spec.hiddenSize, this.spec.hiddenSize]
    const outputs = wanted.flatMap((output) => (output === 'top' ? ['top tokens', 'top log-probabilities'] : [output]))
    const run = await this.#head.run({ features: { dtype: 'f32', shape, data: features } }, { outputs })
    return {
      ...(run.argmax && { argmax: run.argmax.data as Int32Array }),
      ...(run.logits && { logits: run.logits.data as Float32Array }),
      ...(run['top tokens'] && {
        top: {
          tokens: run['top tokens'].data as Int32Array,
          logProbabilities: run['top log-probabilities'].data as Float32Array,
        },
      }),
    }
  }
}

function pick(features: Float32Array, rows: readonly number[], size: number): Float32Array {
  const picked = new Float32Array(rows.length * size)
  rows.forEach((row, i) => {
    picked.set(features.subarray(row * size, (row + 1) * size), i * size)
  })
  return picked
}
