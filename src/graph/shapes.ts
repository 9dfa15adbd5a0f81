import { PacelineError } from '../errors.ts'
import type { DType } from '../tensor/index.ts'
import type { AllOperations, OpName, Shape, Value } from './types.ts'

/** dtype and shape of an output. */
export type Typed = Pick<Value, 'dtype' | 'shape'>
export type ShapeRule<O extends OpName> = (inputs: readonly Value[], attributes: AllOperations[O]) => Typed[]

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
  attention: ([q, k, v, ...others], { cache, prefix = false }) => {
    for (const value of [q, k, v]) expectRank('attention', value, 3)
    const [front, own] = [others.slice(0, prefix ? 2 : 0), others.slice(prefix ? 2 : 0)]
    const entries = front[0]?.shape[0]
    if (
      (prefix && (typeof entries !== 'number' || front.length < 2)) ||
      !front.every(({ shape }) => same(shape, [entries!, ...k.shape.slice(1)]))
    )
      fail('attention', `keys and values of a prefix: ${front.map(show).join(', ')} for k ${show(k)}`)
    if (own.length % 2 === 1 || !own.every(({ shape }) => same(shape, k.shape)))
      fail('attention', `keys and values of rows alone: ${own.map(show).join(', ')} for k ${show(k)}`)
    if (others.length > 0 && cache !== null)
      fail('attention', 'keys and values of a prefix, or of rows alone, beside a cache')
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
  concat: (parts) => {
    if (!parts.every(({ dtype }) => dtype === 'f32')) fail('concat', `${parts.map(show).join(', ')} are not all f32`)
    const leading = parts[0].shape.slice(0, -1)
    if (!parts.every(({ shape }) => same(shape.slice(0, -1), leading) && typeof last(shape) === 'number'))
      fail('concat', `${parts.map(show).join(', ')} differ before the last dimension`)
    return [f32([...leading, parts.reduce((total, { shape }) => total + (last(shape) as number), 0)])]
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
  silu: ([x]) => [f32(x.shape)],
  softmax: ([x]) => [f32(x.shape)],
  logSoftmax: ([x]) => [f32(x.shape)],

  embedding: ([table, ids]) => {
    expectRank('embedding', table, 2)
    expectIds('embedding', ids)
    return [f32([...ids.shape, table.shape[1]])]
  },
  crossEntropy: ([logits, targets]) => {
    expectTargets('crossEntropy', logits, targets)
    return [f32(targets.shape)]
  },
  softCrossEntropy: ([logits, p]) => {
    expectRank('softCrossEntropy', logits, 2)
    if (!same(logits.shape, p.shape)) fail('softCrossEntropy', `probabilities ${show(p)} for logits ${show(logits)}`)
    return [f32(logits.shape.slice(0, 1))]
  },
  smoothL1: elementwise('smoothL1'),
  equal: ([a, b]) => {
    expectIds('equal', a)
    expectIds('equal', b)
    if (!same(a.shape, b.shape)) fail('equal', `${show(a)} and ${show(b)} differ`)
    return [f32(a.shape)]
  },
  stopGradient: ([x]) => [{ dtype: x.dtype, shape: x.shape }],
  mul: elementwise('mul'),
  scale: ([x]) => [f32(x.shape)],
  constant: () => [f32([])],
  sum: () => [f32([])],
  broadcast: ([x, like]) => {
    expectRank('broadcast', x, 0)
    return [f32(like.shape)]
  },
  sumRows: ([x]) => [f32([last(x.shape)])],
  linearInputGradient: ([dy, weight]) => {
    expectRank('linearInputGradient', weight, 2)
    if (last(dy.shape) !== weight.shape[0])
      fail('linearInputGradient', `gradient ${show(dy)} does not fit weight ${show(weight)}`)
    return [f32([...dy.shape.slice(0, -1), weight.shape[1]])]
  },
  linearWeightGradient: ([dy, x]) => {
    if (!same(dy.shape.slice(0, -1), x.shape.slice(0, -1)))
      fail('linearWeightGradient', `gradient ${show(dy)} does not fit input ${show(x)}`)
    return [f32([last(dy.shape), last(x.shape)])]
  },
  embeddingGradient: ([table, ids, dy]) => {
    expectIds('embeddingGradient', ids)
    if (!same(dy.shape, [...ids.shape, table.shape[1]]))
      fail('embeddingGradient', `gradient ${show(dy)} does not fit ids ${show(ids)}`)
    return [f32(table.shape)]
  },
  rmsNormGradient: ([x, gain, dy]) => {
    if (!same(x.shape, dy.shape) || !same(gain.shape, [last(x.shape)]))
      fail('rmsNormGradient', `x ${show(x)}, gain ${show(gain)}, dy ${show(dy)}`)
    return [f32(x.shape), f32(gain.shape)]
  },
  siluMulGradient: ([gate, up, dy]) => {
    if (!same(gate.shape, up.shape) || !same(gate.shape, dy.shape))
      fail('siluMulGradient', `gate ${show(gate)}, up ${show(up)}, dy ${show(dy)}`)
    return [f32(gate.shape), f32(gate.shape)]
  },
  softmaxGradient: elementwise('softmaxGradient'),
  logSoftmaxGradient: elementwise('logSoftmaxGradient'),
  crossEntropyGradient: ([logits, targets, dlosses]) => {
    expectTargets('crossEntropyGradient', logits, targets)
    if (!same(dlosses.shape, targets.shape)) fail('crossEntropyGradient', `${show(dlosses)} for ${show(targets)}`)
    return [f32(logits.shape)]
  },
  softCrossEntropyGradient: ([logits, p, dlosses]) => {
    if (!same(logits.shape, p.shape) || !same(dlosses.shape, logits.shape.slice(0, 1)))
      fail('softCrossEntropyGradient', `logits ${show(logits)}, probabilities ${show(p)}, ${show(dlosses)}`)
    return [f32(logits.shape), f32(p.shape)]
  },
  smoothL1Gradient: ([a, b, dy]) => {
    if (!same(a.shape, b.shape) || !same(a.shape, dy.shape))
      fail('smoothL1Gradient', `a ${show(a)}, b ${show(b)}, dy ${show(dy)}`)
    return [f32(a.shape)]
  },
  attentionGradient: ([dy, q, k, v, ...own]) => {
    const [rows, heads, headDim] = q.shape
    if (!same(dy.shape, [rows, (heads as number) * (headDim as number)]) || !same(k.shape, v.shape))
      fail('attentionGradient', `q ${show(q)}, k ${show(k)}, v ${show(v)}, dy ${show(dy)}`)
    return [q, k, v, ...own].map(({ shape }) => f32(shape))
  },
}

function expectIds(op: OpName, ids: Value): void {
  expectRank(op, ids, 1)
  if (ids.dtype !== 'i32') fail(op, `expected ids in i32, got ${show(ids)}`)
}

function expectTargets(op: OpName, logits: Value, targets: Value): void {
  expectRank(op, logits, 2)
  expectIds(op, targets)
  if (logits.shape[0] !== targets.shape[0]) fail(op, `targets ${show(targets)} for logits ${show(logits)}`)
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
