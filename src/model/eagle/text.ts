import type { EagleHeadSpec } from '../../checkpoint/index.ts'
import type { Executable, KvCache } from '../../runtime/index.ts'
import { type Tensor, tensor } from '../../tensor/index.ts'
import { type DraftVocabulary, draftVocabulary } from '../draft-vocabulary.ts'
import type { Embedding } from '../embedding.ts'
import type { Top } from '../target.ts'

/** The pairs of one pass: in each row a token, and the state of the position before it. */
export interface EagleRows {
  readonly tokens: Int32Array
  /** [rows, hidden]: of the target (see `stateOf`), or what a row before yielded. */
  readonly states: Float32Array
  /** As of a target's rows: -1 follows the cache; rows that are held count first. */
  readonly parents: Int32Array
  /** How many rows of the passes since the last commit are still there to be seen; none unless given. */
  readonly held?: number
}

/** What leaves the executor of a pass, beside the states. */
export type EagleHeadOutput = 'top' | 'logits'

export interface EagleOutputs {
  /** The state after each row's token [rows, hidden]: guesses at the target's. */
  readonly states: Float32Array
  /** What follows each row's token, ids of the target. */
  readonly top?: Top
  /** [rows, vocab] of the target's tokens; -Infinity for those that the head does not know. */
  readonly logits?: Float32Array
}

export interface EagleParts {
  readonly spec: EagleHeadSpec
  readonly layer: Executable
  readonly embedding: Embedding
  readonly fuse?: Executable
  readonly targetIds?: Int32Array
}

/**
 * One text in the making as a head sees it: pairs of a position's state and the token after it. The cache holds keys and
 * values of pairs with the target's own states; pairs of guesses are held between passes and never committed.
 */
export class EagleText {
  readonly spec: EagleHeadSpec
  readonly #parts: EagleParts
  readonly #cache: KvCache
  readonly #vocabulary: DraftVocabulary
  /** Depths of the rows that the cache holds uncommitted. */
  #depths: number[] = []

  constructor(parts: EagleParts, capacity: number) {
    this.spec = parts.spec
    this.#parts = parts
    this.#vocabulary = draftVocabulary(parts.spec.vocabSize, parts.targetIds)
    this.#cache = parts.layer.createCache(capacity)
  }

  /** Pairs in the cache. */
  get length(): number {
    return this.#cache.length
  }

  /** Pairs the cache may grow to, with those of guesses. */
  get capacity(): number {
    return this.#cache.capacity
  }

  /**
   * What enters a pass of positions that the target has computed: their features [rows, hidden], or for an `eagle3` its
   * taps beside one another [rows, taps * hidden], fused.
   */
  async stateOf(target: Float32Array): Promise<Float32Array> {
    const { fuse, spec } = this.#parts
    if (fuse === undefined) return target
    const width = spec.taps.length * spec.targetHiddenSize
    const taps = tensor('f32', [target.length / width, width], target)
    return (await fuse.run({ taps })).state.data as Float32Array
  }

  /** One pass. Its rows are held; `commit` keeps some. Throws as a target's does. */
  async forward(
    { tokens, states, parents, held = 0 }: EagleRows,
    head: readonly EagleHeadOutput[],
  ): Promise<EagleOutputs> {
    const { layer, embedding } = this.#parts
    const positions = this.#positions(parents, held)
    const outputs = head.flatMap((output) => (output === 'top' ? ['top tokens', 'top log-probabilities'] : [output]))
    const shape = [tokens.length, this.spec.hiddenSize]
    const embedded = tensor('f32', shape, await embedding.lookup(tokens))
    const run = await layer.run(
      { embedded, state: tensor('f32', shape, states), positions },
      { rows: { cache: this.#cache, parents, held }, outputs: ['state', ...outputs] },
    )
    return {
      states: run.state.data as Float32Array,
      ...(head.includes('logits') && { logits: this.#vocabulary.widened(run.logits.data as Float32Array) }),
      ...(head.includes('top') && {
        top: {
          tokens: this.#vocabulary.targetTokens(run['top tokens'].data as Int32Array),
          logProbabilities: run['top log-probabilities'].data as Float32Array,
        },
      }),
    }
  }

  /** Appends these rows of the passes since the last commit: a path, its first row first. The others are forgotten. */
  commit(path: ArrayLike<number>): void {
    this.#cache.commit(path)
    this.#depths = []
  }

  /** Forgets the pairs from `length` on, and all rows that are held. */
  truncate(length: number): void {
    this.#cache.truncate(length)
    this.#depths = []
  }

  dispose(): void {
    this.#cache.dispose()
  }

  #positions(parents: Int32Array, held: number): Tensor {
    const depths = this.#depths.slice(0, held)
    for (const parent of parents) depths.push(parent < 0 ? 0 : depths[parent] + 1)
    this.#depths = depths
    const positions = parents.map((_, row) => this.length + depths[held + row])
    return tensor('i32', [parents.length], positions)
  }
}
