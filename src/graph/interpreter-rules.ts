import type { Tensor, TypedArray } from '../tensor/index.ts'
import { eachRow, lastSize, mapRows, pathTo, ranked, rowsOf, softmax, sum, zip } from './interpreter-loops.ts'
import { products } from './interpreter-products.ts'
import { trainingRules } from './interpreter-training-rules.ts'
import { type AllOperations, isWeight, type Node, type OpName } from './types.ts'

/** Keys and values of some positions, one `[kvHeads, headDim]` entry per position. */
export interface RowKeysAndValues {
  keys: Float32Array[]
  values: Float32Array[]
}

/** What attention reads and leaves behind: the cache of each layer, the rows' parents, and the new rows. */
export interface InterpreterState {
  /** Per cache of the graph, one entry per position. */
  readonly past: readonly RowKeysAndValues[]
  /**
   * parents[i] < i is the row before row i on its path, -1 where that is the end of the cache; first of the rows held
   * from runs before, if there are any, then of those of this run.
   */
  readonly parents: ArrayLike<number>
  /** Per cache of the graph: keys and values of the rows held; none unless given. */
  readonly held?: readonly RowKeysAndValues[]
  /** Per cache of the graph: what its riders see before all else; nothing unless given. */
  readonly prefix?: readonly RowKeysAndValues[]
  /** Whether a row of this run sees the prefix; none does unless given. */
  readonly isRider?: (row: number) => boolean
  /** Filled by attention, per cache of the graph: keys and values of the rows held and of those of this run. */
  readonly fresh: RowKeysAndValues[]
}

interface Context {
  /** Shapes of the outputs, with the symbols replaced. */
  readonly shapes: readonly (readonly number[])[]
  readonly node: Node
  readonly state: InterpreterState
}

export type InterpretRule<O extends OpName> = (
  inputs: readonly Tensor[],
  attributes: AllOperations[O],
  context: Context,
) => TypedArray[]

/** What each operation computes, written for reading: one row of the last dimension at a time. */
export const interpretRules: { readonly [O in OpName]: InterpretRule<O> } = {
  linear: ([x, weight, bias], _, { node }) => {
    const definition = node.inputs[1]
    const multiply = products[isWeight(definition) ? definition.precision : 'f32'](weight)
    return [
      mapRows(x, weight.shape[0], (row, out) => {
        multiply(row, out)
        if (bias) for (let n = 0; n < out.length; n++) out[n] += Number(bias.data[n])
      }),
    ]
  },

  rmsNorm: ([x, gain], { eps }) => [
    mapRows(x, lastSize(x), (row, out) => {
      const scale = 1 / Math.sqrt(sum(row, (v) => v * v) / row.length + eps)
      row.forEach((v, i) => {
        out[i] = v * scale * Number(gain.data[i])
      })
    }),
  ],

  rope: ([x, positions], { frequencies, scale }) => {
    const heads = x.shape[1]
    const half = frequencies.length
    let index = 0
    return [
      mapRows(x, 2 * half, (row, out) => {
        const position = Number(positions.data[Math.floor(index++ / heads)])
        for (let i = 0; i < half; i++) {
          const cos = Math.cos(position * frequencies[i]) * scale
          const sin = Math.sin(position * frequencies[i]) * scale
          out[i] = row[i] * cos - row[i + half] * sin
          out[i + half] = row[i + half] * cos + row[i] * sin
        }
      }),
    ]
  },

  attention: ([q, k, v, ...others], { cache, scale, window, prefix = false }, { state }) => {
    const [rows, heads, headDim] = q.shape
    const kvHeads = k.shape[1]
    const none: RowKeysAndValues = { keys: [], values: [] }
    const held = (cache === null ? undefined : state.held?.[cache]) ?? none
    const own = { keys: [...held.keys, ...rowsOf(k)], values: [...held.values, ...rowsOf(v)] }
    if (cache !== null) state.fresh[cache] = own
    const past = cache === null ? none : state.past[cache]
    const [frontKeys, frontValues] = others.slice(0, prefix ? 2 : 0).map(rowsOf)
    const front = prefix ? { keys: frontKeys, values: frontValues } : (cache !== null && state.prefix?.[cache]) || none
    const [alone, ofAlone] = [0, 1].map((part) =>
      others
        .slice(prefix ? 2 : 0)
        .filter((_, i) => i % 2 === part)
        .map(rowsOf),
    )
    const out = new Float32Array(rows * heads * headDim)
    for (let row = 0; row < rows; row++) {
      const path = pathTo(held.keys.length + row, state.parents)
      const keys = [...past.keys, ...path.map((r) => own.keys[r])].slice(window === null ? 0 : -window)
      const values = [...past.values, ...path.map((r) => own.values[r])].slice(window === null ? 0 : -window)
      keys.push(...alone.map((rows) => rows[row]))
      values.push(...ofAlone.map((rows) => rows[row]))
      if (state.isRider?.(row)) {
        keys.unshift(...front.keys)
        values.unshift(...front.values)
      }
      for (let head = 0; head < heads; head++) {
        const query = (row * heads + head) * headDim
        const kv = Math.floor(head / (heads / kvHeads)) * headDim
        const scores = keys.map((key) => {
          let dot = 0
          for (let i = 0; i < headDim; i++) dot += Number(q.data[query + i]) * key[kv + i]
          return dot * scale
        })
        const weights = softmax(scores)
        for (let i = 0; i < headDim; i++) {
          let mixed = 0
          weights.forEach((weight, j) => {
            mixed += weight * values[j][kv + i]
          })
          out[query + i] = mixed
        }
      }
    }
    return [out]
  },

  siluMul: ([gate, up]) => [zip(gate, up, (g, u) => (g / (1 + Math.exp(-g))) * u)],

  silu: ([x]) => [zip(x, x, (value) => value / (1 + Math.exp(-value)))],

  add: ([a, b]) => [zip(a, b, (x, y) => x + y)],

  split: ([x], { sizes }) => {
    let start = 0
    return sizes.map((size) => {
      const from = start
      start += size
      return mapRows(x, size, (row, out) => out.set(row.subarray(from, from + size)))
    })
  },

  concat: (parts) => {
    const width = parts.reduce((total, part) => total + lastSize(part), 0)
    const out = new Float32Array(parts.reduce((total, part) => total + part.data.length, 0))
    let start = 0
    for (const part of parts) {
      const from = start
      eachRow(part, (row, r) => out.set(row, r * width + from))
      start += lastSize(part)
    }
    return [out]
  },

  reshape: ([x]) => [x.data],

  argmax: ([x], _, { shapes }) => {
    const out = new Int32Array(shapes[0].reduce((a, b) => a * b, 1))
    eachRow(x, (row, r) => {
      out[r] = ranked(row)[0]
    })
    return [out]
  },

  topK: ([x], { k }) => {
    const rows = x.data.length / lastSize(x)
    const indices = new Int32Array(rows * k)
    const values = new Float32Array(rows * k)
    eachRow(x, (row, r) => {
      ranked(row)
        .slice(0, k)
        .forEach((index, i) => {
          indices[r * k + i] = index
          values[r * k + i] = row[index]
        })
    })
    return [values, indices]
  },

  softmax: ([x]) => [mapRows(x, lastSize(x), (row, out) => out.set(softmax([...row])))],

  logSoftmax: ([x]) => [
    mapRows(x, lastSize(x), (row, out) => {
      const max = row.reduce((a, b) => Math.max(a, b))
      const logSum = Math.log(sum(row, (v) => Math.exp(v - max)))
      row.forEach((v, i) => {
        out[i] = v - max - logSum
      })
    }),
  ],

  ...trainingRules,
}
