import { PacelineError } from '../errors.ts'
import type { DType } from '../tensor/index.ts'
import { type ShapeRule, shapeRules } from './shapes.ts'
import {
  type AllOperations,
  type CacheSpec,
  type Graph,
  type Input,
  isWeight,
  type Node,
  type Operations,
  type OpName,
  type Precision,
  type Shape,
  type Value,
  type Weight,
} from './types.ts'

/** What is added to the product of `x` by a weight; nothing for `undefined`. */
export type LinearAdapter = (x: Value, weight: Weight) => Value | undefined

/** Writes a graph one operation at a time; shapes are checked as it grows. */
export class GraphBuilder {
  readonly #inputs: Input[] = []
  readonly #weights: Weight[] = []
  readonly #caches: CacheSpec[] = []
  readonly #nodes: Node[] = []
  readonly #outputs = new Map<string, Value>()
  #adapter: LinearAdapter = () => undefined
  #nextId = 0

  input(name: string, dtype: DType, shape: Shape): Input {
    const input = { id: this.#nextId++, name, dtype, shape }
    this.#inputs.push(input)
    return input
  }

  /**
   * A parameter made of the checkpoint tensors `sources`, one below the other along the first dimension. Asked for again,
   * by a layer that is run several times, it is the same one.
   */
  weight(sources: string | readonly string[], shape: readonly number[], precision: Precision = 'f32'): Weight {
    const names = typeof sources === 'string' ? [sources] : sources
    const known = this.#weights.find(
      (weight) =>
        weight.precision === precision && `${weight.shape}` === `${shape}` && weight.sources.join() === names.join(),
    )
    if (known) return known
    const weight: Weight = { id: this.#nextId++, dtype: 'f32', shape, precision, sources: names }
    this.#weights.push(weight)
    return weight
  }

  /** Reserves keys and values for one attention layer; returns its number for the `attention` operation. */
  cache(spec: CacheSpec): number {
    return this.#caches.push(spec) - 1
  }

  linear(x: Value, weight: Value, bias?: Value): Value {
    const y = this.apply('linear', bias ? [x, weight, bias] : [x, weight], {})[0]
    const more = isWeight(weight) ? this.#adapter(x, weight) : undefined
    return more ? this.add(y, more) : y
  }

  /** From here on, `linear` adds to products by weights; the adapter is asked of its own products too. */
  adaptLinear(adapter: LinearAdapter): void {
    this.#adapter = adapter
  }

  rmsNorm(x: Value, gain: Value, eps: number): Value {
    return this.apply('rmsNorm', [x, gain], { eps })[0]
  }

  rope(x: Value, positions: Value, attributes: Operations['rope']): Value {
    return this.apply('rope', [x, positions], attributes)[0]
  }

  /** `prefix`: keys and values that riders see. `own`: further ones, one after the other, of which a row sees its own row. */
  attention(
    q: Value,
    k: Value,
    v: Value,
    attributes: Omit<Operations['attention'], 'prefix'>,
    { prefix, own = [] }: { readonly prefix?: readonly [Value, Value]; readonly own?: readonly Value[] } = {},
  ): Value {
    const inputs = [q, k, v, ...(prefix ?? []), ...own]
    return this.apply('attention', inputs, { ...attributes, ...(prefix && { prefix: true }) })[0]
  }

  siluMul(gate: Value, up: Value): Value {
    return this.apply('siluMul', [gate, up], {})[0]
  }

  silu(x: Value): Value {
    return this.apply('silu', [x], {})[0]
  }

  add(a: Value, b: Value): Value {
    return this.apply('add', [a, b], {})[0]
  }

  split(x: Value, sizes: readonly number[]): Value[] {
    return this.apply('split', [x], { sizes })
  }

  concat(parts: readonly Value[]): Value {
    return parts.length === 1 ? parts[0] : this.apply('concat', parts, {})[0]
  }

  reshape(x: Value, shape: Shape): Value {
    return this.apply('reshape', [x], { shape })[0]
  }

  argmax(x: Value): Value {
    return this.apply('argmax', [x], {})[0]
  }

  topK(x: Value, k: number): { values: Value; indices: Value } {
    const [values, indices] = this.apply('topK', [x], { k })
    return { values, indices }
  }

  softmax(x: Value): Value {
    return this.apply('softmax', [x], {})[0]
  }

  logSoftmax(x: Value): Value {
    return this.apply('logSoftmax', [x], {})[0]
  }

  embedding(table: Value, ids: Value): Value {
    return this.apply('embedding', [table, ids], {})[0]
  }

  crossEntropy(logits: Value, targets: Value): Value {
    return this.apply('crossEntropy', [logits, targets], {})[0]
  }

  softCrossEntropy(logits: Value, probabilities: Value): Value {
    return this.apply('softCrossEntropy', [logits, probabilities], {})[0]
  }

  smoothL1(a: Value, b: Value): Value {
    return this.apply('smoothL1', [a, b], {})[0]
  }

  equal(a: Value, b: Value): Value {
    return this.apply('equal', [a, b], {})[0]
  }

  stopGradient(x: Value): Value {
    return this.apply('stopGradient', [x], {})[0]
  }

  mul(a: Value, b: Value): Value {
    return this.apply('mul', [a, b], {})[0]
  }

  scale(x: Value, by: number): Value {
    return this.apply('scale', [x], { by })[0]
  }

  constant(value: number): Value {
    return this.apply('constant', [], { value })[0]
  }

  sum(x: Value): Value {
    return this.apply('sum', [x], {})[0]
  }

  /** The nodes so far. */
  get nodes(): readonly Node[] {
    return this.#nodes
  }

  get weights(): readonly Weight[] {
    return this.#weights
  }

  output(name: string, value: Value): void {
    if (this.#outputs.has(name)) throw new PacelineError('argument', `the graph has an output "${name}" already`)
    this.#outputs.set(name, value)
  }

  build(): Graph {
    return {
      inputs: this.#inputs,
      weights: this.#weights,
      caches: this.#caches,
      nodes: this.#nodes,
      outputs: this.#outputs,
    }
  }

  /** Adds any operation: what gradients are written with. */
  apply<O extends OpName>(op: O, inputs: readonly Value[], attributes: AllOperations[O]): Value[] {
    const rule = shapeRules[op] as ShapeRule<O>
    const outputs = rule(inputs, attributes).map((typed) => ({ id: this.#nextId++, ...typed }))
    this.#nodes.push({ op, attributes, inputs, outputs } as Node)
    return outputs
  }
}
