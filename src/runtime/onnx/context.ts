import { isWeight, type Node, type OpName, type Shape, type Value, type Weight } from '../../graph/index.ts'
import { smallestScale } from '../../tensor/index.ts'
import type { Feeds } from './feeds.ts'
import { type OnnxModel, onnxType } from './model.ts'
import type { PackedWeight } from './weights.ts'

export type LoweringRule<O extends OpName> = (context: LoweringContext, node: Node<O>) => void

/** 8-bit activations as integer products take them. */
export interface Quantised {
  /** [rows, K], or [2 * rows, K] where they are halves: those of all rows, then the others, which together are the activations. */
  readonly values: string
  readonly inHalves: boolean
  /** What 0 is stored as: 128, or 64 in each half. */
  readonly zero: number
  /** Of each row, [rows, 1]. */
  readonly scale: string
}

/** What a rule works with: the model being written, and the ONNX name of every value written so far. */
export class LoweringContext {
  readonly model: OnnxModel
  readonly feeds: Feeds
  readonly #packed: ReadonlyMap<number, PackedWeight>
  /** Where a value is stored, and the dimensions it was written with. */
  readonly #stored = new Map<number, { name: string; dims: string }>()
  readonly #reshaped = new Map<string, string>()
  readonly #weights = new Map<number, string>()
  readonly #shared = new Map<string, unknown>()
  readonly #quantised = new Map<number, Quantised>()
  /** Whether 8-bit activations are multiplied in halves (see `productsSaturate`). */
  readonly #inHalves: boolean

  constructor(model: OnnxModel, feeds: Feeds, packed: ReadonlyMap<number, PackedWeight>, inHalves: boolean) {
    this.model = model
    this.feeds = feeds
    this.#packed = packed
    this.#inHalves = inHalves
  }

  /** Records that `value` is the ONNX value `name`, written with `dims` (those of the graph unless given). */
  define(value: Value, name: string, dims: readonly number[] = onnxDims(value.shape)): void {
    this.#stored.set(value.id, { name, dims: `${dims}` })
  }

  alias(value: Value, of: Value): void {
    this.#stored.set(value.id, this.#stored.get(of.id)!)
  }

  /** The ONNX name of `value`, in the graph's shape. */
  readonly read = (value: Value): string => this.as(value, onnxDims(value.shape))

  /** The ONNX name of the elements of `value` in another shape; -1 stands for the symbolic size. */
  as(value: Value, dims: readonly number[]): string {
    const { name, dims: stored } = this.#stored.get(value.id)!
    if (stored === `${dims}`) return name
    const key = `${name} as ${dims}`
    const reshaped = this.#reshaped.get(key) ?? this.model.node('Reshape', [name, this.model.integers(...dims)])
    this.#reshaped.set(key, reshaped)
    return reshaped
  }

  /** The ONNX name of the elements of `value`, in whatever shape they are. */
  stored(value: Value): string {
    return this.#stored.get(value.id)!.name
  }

  packed(weight: Weight): PackedWeight {
    return this.#packed.get(weight.id)!
  }

  /** The name of an f32 weight; one that is trained is an input of the graph. */
  readonly weight = (value: Value): string => {
    if (!isWeight(value)) return this.read(value)
    const known = this.#weights.get(value.id)
    if (known) return known
    const { data } = this.packed(value)
    const name = this.model.initializer('f32', value.shape as number[], data)
    this.#weights.set(value.id, name)
    return name
  }

  /** What `make` writes, once for all rules that ask by the same key: a gradient needs much of what its operation made. */
  shared<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make())
    return this.#shared.get(key) as T
  }

  /** Rows of `x` in 8 bits; made once for all layers that read `x`. */
  readonly quantised = (x: Value): Quantised => {
    const known = this.#quantised.get(x.id)
    if (known) return known
    const { model } = this
    const name = this.read(x)
    const max = model.node('ReduceMax', [model.node('Abs', [name]), model.integers(-1)], { keepdims: 1 })
    const scale = model.node('Max', [
      model.node('Div', [max, model.scalar('f32', 127)]),
      model.scalar('f32', smallestScale),
    ])
    const flat = model.node('Reshape', [scale, model.integers(-1)])
    const values = model.node('QuantizeLinear', [name, flat, this.feeds.zeroPoints()], { axis: 0 })
    const inHalves = this.#inHalves
    const result = { values: inHalves ? this.#halves(values) : values, inHalves, zero: inHalves ? 64 : 128, scale }
    this.#quantised.set(x.id, result)
    return result
  }

  /** 1 .. 255 as two numbers of at most 128: two products of those with weights fit into 16 bits. */
  #halves(values: string): string {
    const { model } = this
    const one = model.node('BitShift', [values, model.scalar('u8', 1)], { direction: { text: 'RIGHT' } })
    const [whole, part] = [values, one].map((half) => model.node('Cast', [half], { to: onnxType.i32 }))
    const other = model.node('Cast', [model.node('Sub', [whole, part])], { to: onnxType.u8 })
    return model.node('Concat', [one, other], { axis: 0 })
  }
}

const onnxDims = (shape: Shape): number[] => shape.map((size) => (typeof size === 'number' ? size : -1))
