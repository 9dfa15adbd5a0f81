import { PacelineError } from '../errors.ts'
import type { DType } from '../tensor/index.ts'
import type { Operations, OpName, Shape, Value } from './types.ts'

/** dtype and shape of an output. */
export type Typed = Pick<Value, 'dtype' | 'shape'>
export type ShapeRule<O extends OpName> = (inputs: readonly Value[], attributes: Operations[O]) => Typed[]

/** What each operation accepts and returns. A rule throws through `fail` when the inputs do not fit. */
export const shapeRules: { readonly [O in OpName]: ShapeRule<O> } = {
  linear: ([x, weight, bias]) => {
    expectRank('linear', weight, 2)
    if (last(x.shape) !== weight.shape[1]) fail('linear', `input ${show(x)} does not fit weight ${show(weight)}`)
    if (bias && !same(bias.shape, [weight.shape[0]]))
      fail('linear', `bias ${show(bias)} does not fit weight ${show(weight)}`)
    return [f32([...x.shape.slice(0, -1), weight.shape[0]])]
  },
  rmsNorm: ([x, gain]) => {
    if (!same(gain.shape, [last(x.shape)])) fail('rmsNorm', `gain ${show(gain)} does not fit ${show(x)}`)
    return [f32(x.shape)]
  },
  rope: ([x, positions], { frequencies }) => {
    expectRank('rope', x, 3)
    if (positions.dtype !== 'i32' || !same(positions.shape, [x.shape[0]]))
      fail('rope', `positions ${show(positions)} for ${show(x)}`)
    if (last(x.shape) !== 2 * frequencies.length) fail('rope', `${frequencies.length} frequencies for ${show(x)}`)
    return [f32(x.shape)]
  },
  attention: ([q, k, v]) => {
    for (const value of [q, k, v]) expectRank('attention', value, 3)
    const [rows, heads, headDim] = q.shape
    const kvHeads = k.shape[1]
    if (!same(k.shape, v.shape) || k.shape[0] !== rows || k.shape[2] !== headDim)
      fail('attention', `q ${show(q)}, k ${show(k)}, v ${show(v)}`)
    if (
      typeof heads !== 'number' ||
      typeof headDim !== 'number' ||
      typeof kvHeads !== 'number' ||
      heads % kvHeads !== 0
    )
      fail('attention', `${heads} query heads do not share ${kvHeads} key heads evenly`)
    return [f32([rows, heads * headDim])]
  },
  siluMul: elementwise('siluMul'),
  add: elementwise('add'),
  split: ([x], { sizes }) => {
    const total = sizes.reduce((sum, size) => sum + size, 0)
    if (last(x.shape) !== total) fail('split', `sizes ${sizes} do not add up to the last dimension of ${show(x)}`)
    return sizes.map((size) => f32([...x.shape.slice(0, -1), size]))
  },
  reshape: ([x], { shape }) => {
    if (symbols(x.shape) !== symbols(shape) || knownProduct(x.shape) !== knownProduct(shape))
      fail('reshape', `${show(x)} to [${shape}]`)
    return [{ dtype: x.dtype, shape }]
  },
  argmax: ([x]) => [{ dtype: 'i32', shape: x.shape.slice(0, -1) }],
  topK: ([x], { k }) => {
    const size = last(x.shape)
    if (typeof size === 'number' && !(Number.isInteger(k) && k >= 1 && k <= size))
      fail('topK', `k = ${k} of ${show(x)}`)
    const shape = [...x.shape.slice(0, -1), k]
    return [f32(shape), { dtype: 'i32', shape }]
  },
  softmax: ([x]) => [f32(x.shape)],
  logSoftmax: ([x]) => [f32(x.shape)],
}

function elementwise(op: OpName) {
  return ([a, b]: readonly Value[]): Typed[] => {
    if (!same(a.shape, b.shape)) fail(op, `${show(a)} and ${show(b)} differ`)
    return [f32(a.shape)]
  }
}

function fail(op: OpName, detail: string): never {
  throw new PacelineError('shape', `${op}: ${detail}`)
}

function expectRank(op: OpName, value: Value, rank: number): void {
  if (value.shape.length !== rank) fail(op, `expected ${rank} dimensions, got ${show(value)}`)
}

const f32 = (shape: Shape): Typed => ({ dtype: 'f32' satisfies DType, shape })
const last = (shape: Shape) => shape[shape.length - 1]
const same = (a: Shape, b: Shape) => a.length === b.length && a.every((size, i) => size === b[i])
const show = (value: Value) => `${value.dtype} [${value.shape}]`
const symbols = (shape: Shape) => shape.filter((size) => typeof size === 'string').join()
const knownProduct = (shape: Shape) =>
  shape.reduce<number>((product, size) => (typeof size === 'number' ? product * size : product), 1)
