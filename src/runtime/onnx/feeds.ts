import type { Input, Operations, Value } from '../../graph/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { FunctionalCache } from './cache.ts'
import type { OnnxDim, OnnxModel, OnnxType } from './model.ts'
import { blockBias, pastBias, prefixBias, rowBias, type Visibility } from './visibility.ts'

/** What one run knows: its inputs, and for attention the cache and who sees whom. */
export interface RunContext {
  readonly inputs: Readonly<Record<string, Tensor>>
  /** Rows of this run: the value of the symbolic size. */
  readonly rows: number
  readonly cache?: FunctionalCache
  readonly visibility?: Visibility
  /** Rows of a block, where paths stay within blocks. */
  readonly block?: number
}

/** An input of the ONNX model that is computed here, before a run, rather than by operators inside it. */
export interface Feed {
  readonly type: OnnxType
  readonly make: (run: RunContext) => { dims: readonly number[]; data: Float32Array | Uint8Array | BigInt64Array }
}

/** Writes derived inputs into the model, each once however many operations ask for it, and fills them before a run. */
export class Feeds {
  readonly #model: OnnxModel
  readonly #inputs: readonly Input[]
  readonly #feeds = new Map<string, Feed>()
  readonly #rotations: (Operations['rope'] & { readonly positions: string })[] = []

  constructor(model: OnnxModel, inputs: readonly Input[]) {
    this.#model = model
    this.#inputs = inputs
  }

  entries(): Iterable<[string, Feed]> {
    return this.#feeds
  }

  /** cos and sin of every row, [rows, headDim / 2], and the order 0 .. rows - 1 in which RotaryEmbedding reads them. */
  rotations(positions: Value, { frequencies, scale }: Operations['rope']): { cos: string; sin: string; order: string } {
    const input = this.#inputs.find(({ id }) => id === positions.id)!
    let index = this.#rotations.findIndex(
      (known) =>
        known.positions === input.name &&
        known.scale === scale &&
        known.frequencies.every((f, i) => f === frequencies[i]),
    )
    if (index < 0) index = this.#rotations.push({ positions: input.name, frequencies, scale }) - 1
    const table = (of: (angle: number) => number) => (run: RunContext) => {
      const rows = run.inputs[input.name].data as Int32Array
      const data = new Float32Array(rows.length * frequencies.length)
      rows.forEach((position, row) => {
        for (let i = 0; i < frequencies.length; i++)
          data[row * frequencies.length + i] = of(position * frequencies[i]) * scale
      })
      return { dims: [rows.length, frequencies.length], data }
    }
    return {
      cos: this.#add(`cos ${index}`, 'f32', ['rows', frequencies.length], table(Math.cos)),
      sin: this.#add(`sin ${index}`, 'f32', ['rows', frequencies.length], table(Math.sin)),
      order: this.#add('order', 'i64', [1, 'rows'], ({ rows }) => ({
        dims: [1, rows],
        data: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)),
      })),
    }
  }

  /** One zero point of 128 per row. */
  zeroPoints(): string {
    return this.#add('zero points', 'u8', ['rows'], ({ rows }) => ({
      dims: [rows],
      data: new Uint8Array(rows).fill(128),
    }))
  }

  /** Cached keys and values of one layer, [kvHeads, capacity, headDim]. */
  past(layer: number, kvHeads: number, headDim: number): { keys: string; values: string } {
    const dims = [kvHeads, 'slots', headDim]
    return {
      keys: this.#add(`past keys ${layer}`, 'f32', dims, ({ cache }) => cache!.past(layer).keys),
      values: this.#add(`past values ${layer}`, 'f32', dims, ({ cache }) => cache!.past(layer).values),
    }
  }

  /** Added to the scores of cached keys: 0 where a row sees the slot, hugely negative where not. */
  pastBias(groups: number, window: number | null): string {
    const dims = [1, window === null ? `1 or ${groups} query rows` : 'query rows', 'slots']
    return this.#add(`past bias ${groups} ${window}`, 'f32', dims, ({ cache, visibility }) =>
      pastBias(cache!, visibility!, groups, window),
    )
  }

  /** The same for the keys of the run's own rows, repeated for each query head of a group. */
  rowBias(groups: number, window: number | null): string {
    return this.#add(`row bias ${groups} ${window}`, 'f32', [1, 'query rows', 'rows'], ({ visibility }) =>
      rowBias(visibility!, groups, window),
    )
  }

  /** As `rowBias` for each block by itself, or once for all where they are alike: [1 or blocks, 1, groups * block, block]. */
  blockBias(groups: number, window: number | null): string {
    const dims = ['bias blocks', 1, `${groups} blocks of rows`, 'block']
    return this.#add(`block bias ${groups} ${window}`, 'f32', dims, ({ visibility, block }) =>
      blockBias(visibility!, block!, groups, window),
    )
  }

  /** Added to the scores of a prefix, [1, 1, groups * block, entries]. */
  prefixBias(groups: number, entries: number): string {
    const dims = [1, 1, `${groups} blocks of rows`, entries]
    return this.#add(`prefix bias ${groups} ${entries}`, 'f32', dims, ({ visibility, block }) =>
      prefixBias(visibility!, block!, groups, entries),
    )
  }

  /** How rows are blocks of heads: [blocks, block, ...heads]. */
  blockShape(...heads: readonly number[]): string {
    return this.#add(`block shape ${heads}`, 'i64', [2 + heads.length], ({ rows, block }) => ({
      dims: [2 + heads.length],
      data: BigInt64Array.from([rows / block!, block!, ...heads], BigInt),
    }))
  }

  /** The same with heads in front: [blocks, ...heads, block, headDim]. */
  headsFirstShape(kvHeads: number, groups: number, headDim: number): string {
    return this.#add(`heads shape ${kvHeads} ${groups} ${headDim}`, 'i64', [5], ({ rows, block }) => ({
      dims: [5],
      data: BigInt64Array.from([rows / block!, kvHeads, groups, block!, headDim], BigInt),
    }))
  }

  /**
   * How many of the attention weights belong to the `entries` of a prefix, how many to the rows of a block, and one for each
   * of `own` further pairs.
   */
  blockParts(entries: number, own: number): string {
    const front = entries > 0 ? [entries] : []
    const count = front.length + 1 + own
    return this.#add(`block parts ${entries} ${own}`, 'i64', [count], ({ block }) => ({
      dims: [count],
      data: BigInt64Array.from([...front, block!, ...new Array<number>(own).fill(1)], BigInt),
    }))
  }

  /** How many of the attention weights belong to the cache, and how many to the rows. */
  parts(): string {
    return this.#add('parts', 'i64', [2], ({ cache, rows }) => ({
      dims: [2],
      data: BigInt64Array.of(BigInt(cache!.slots), BigInt(rows)),
    }))
  }

  #add(name: string, type: OnnxType, dims: readonly OnnxDim[], make: Feed['make']): string {
    if (!this.#feeds.has(name)) {
      this.#feeds.set(name, { type, make })
      this.#model.input(name, type, dims)
    }
    return name
  }
}
