import type { Tensor } from '../tensor/index.ts'
import { eachRow, lastSize, mapRows, pathTo, rowsOf, softmax, sum, zip } from './interpreter-loops.ts'
import type { InterpretRule } from './interpreter-rules.ts'
import type { TrainingOpName } from './types.ts'

/** What the operations of training compute, in the same plain loops as the others. */
export const trainingRules: { readonly [O in TrainingOpName]: InterpretRule<O> } = {
  embedding: ([table, ids]) => {
    const width = lastSize(table)
    const out = new Float32Array(ids.data.length * width)
    eachId(ids, (id, row) => {
      out.set((table.data as Float32Array).subarray(id * width, (id + 1) * width), row * width)
    })
    return [out]
  },

  crossEntropy: ([logits, targets]) => {
    const losses = new Float32Array(targets.data.length)
    eachRow(logits, (row, r) => {
      const max = row.reduce((a, b) => Math.max(a, b))
      losses[r] = Math.log(sum(row, (v) => Math.exp(v - max))) + max - row[Number(targets.data[r])]
    })
    return [losses]
  },

  softCrossEntropy: ([logits, p]) => {
    const losses = new Float32Array(logits.shape[0])
    let r = 0
    mapPairs(logits, p, (row, probabilities) => {
      const max = row.reduce((a, b) => Math.max(a, b))
      const logSum = Math.log(sum(row, (v) => Math.exp(v - max))) + max
      losses[r++] = probabilities.reduce((total, q, i) => total + q * (logSum - row[i]), 0)
    })
    return [losses]
  },

  smoothL1: ([a, b]) => [
    zip(a, b, (x, y) => {
      const d = Math.abs(x - y)
      return d < 1 ? (d * d) / 2 : d - 0.5
    }),
  ],

  equal: ([a, b]) => [Float32Array.from(a.data as Int32Array, (id, i) => (id === Number(b.data[i]) ? 1 : 0))],

  stopGradient: ([x]) => [x.data.slice()],

  mul: ([a, b]) => [zip(a, b, (x, y) => x * y)],

  scale: ([x], { by }) => [(x.data as Float32Array).map((v) => v * by)],

  constant: (_, { value }) => [Float32Array.of(value)],

  sum: ([x]) => [Float32Array.of(sum(x.data as Float32Array, (v) => v))],

  broadcast: ([x, like]) => [new Float32Array(like.data.length).fill(Number(x.data[0]))],

  sumRows: ([x]) => {
    const totals = new Float64Array(lastSize(x))
    eachRow(x, (row) => {
      row.forEach((v, i) => {
        totals[i] += v
      })
    })
    return [Float32Array.from(totals)]
  },

  linearInputGradient: ([dy, weight]) => {
    const [outputs, inputs] = weight.shape
    return [
      mapRows(dy, inputs, (row, out) => {
        for (let k = 0; k < inputs; k++) {
          let dot = 0
          for (let n = 0; n < outputs; n++) dot += row[n] * Number(weight.data[n * inputs + k])
          out[k] = dot
        }
      }),
    ]
  },

  linearWeightGradient: ([dy, x]) => {
    const [outputs, inputs] = [lastSize(dy), lastSize(x)]
    const totals = new Float64Array(outputs * inputs)
    eachRow(dy, (row, r) => {
      for (let n = 0; n < outputs; n++)
        for (let k = 0; k < inputs; k++) totals[n * inputs + k] += row[n] * Number(x.data[r * inputs + k])
    })
    return [Float32Array.from(totals)]
  },

  embeddingGradient: ([table, ids, dy]) => {
    const width = lastSize(dy)
    const totals = new Float64Array(table.data.length)
    eachId(ids, (id, row) => {
      for (let i = 0; i < width; i++) totals[id * width + i] += Number(dy.data[row * width + i])
    })
    return [Float32Array.from(totals)]
  },

  // With s = 1 / rms(x) and n = s x: dx = s (dy gain - n mean(dy gain n)), dgain = sum over rows of dy n.
  rmsNormGradient: ([x, gain, dy], { eps }) => {
    const width = lastSize(x)
    const dgain = new Float64Array(width)
    let start = 0
    const dx = mapRows(x, width, (row, out) => {
      const s = 1 / Math.sqrt(sum(row, (v) => v * v) / width + eps)
      let mean = 0
      for (let i = 0; i < width; i++) {
        const d = Number(dy.data[start + i])
        mean += (d * Number(gain.data[i]) * row[i] * s) / width
        dgain[i] += d * row[i] * s
      }
      for (let i = 0; i < width; i++)
        out[i] = s * (Number(dy.data[start + i]) * Number(gain.data[i]) - row[i] * s * mean)
      start += width
    })
    return [dx, Float32Array.from(dgain)]
  },

  // silu(g) = g sigmoid(g), so silu'(g) = sigmoid(g) (1 + g (1 - sigmoid(g))).
  siluMulGradient: ([gate, up, dy]) => {
    const sigmoid = (g: number) => 1 / (1 + Math.exp(-g))
    const dup = zip(gate, dy, (g, d) => d * g * sigmoid(g))
    const slope = (gate.data as Float32Array).map((g) => sigmoid(g) * (1 + g * (1 - sigmoid(g))))
    return [slope.map((s, i) => s * Number(up.data[i]) * Number(dy.data[i])), dup]
  },

  // y = softmax(x): dx = y (dy - sum(dy y)).
  softmaxGradient: ([y, dy]) => [
    mapPairs(y, dy, (row, d, out) => {
      const total = row.reduce((t, v, i) => t + v * d[i], 0)
      row.forEach((v, i) => {
        out[i] = v * (d[i] - total)
      })
    }),
  ],

  // y = log softmax(x): dx = dy - exp(y) sum(dy).
  logSoftmaxGradient: ([y, dy]) => [
    mapPairs(y, dy, (row, d, out) => {
      const total = sum(d, (v) => v)
      row.forEach((v, i) => {
        out[i] = d[i] - Math.exp(v) * total
      })
    }),
  ],

  crossEntropyGradient: ([logits, targets, dlosses]) => {
    let r = 0
    return [
      mapRows(logits, lastSize(logits), (row, out) => {
        const d = Number(dlosses.data[r])
        softmax([...row]).forEach((p, i) => {
          out[i] = d * (p - (i === Number(targets.data[r]) ? 1 : 0))
        })
        r++
      }),
    ]
  },

  softCrossEntropyGradient: ([logits, p, dlosses]) => {
    const of = (gradient: (q: number, p: number) => number) => {
      let r = 0
      return mapPairs(logits, p, (row, probabilities, out) => {
        const d = Number(dlosses.data[r++])
        softmax([...row]).forEach((q, i) => {
          out[i] = d * gradient(q, probabilities[i])
        })
      })
    }
    return [of((q, p) => q - p), of((q) => -Math.log(q))]
  },

  smoothL1Gradient: ([a, b, dy]) => [
    zip(a, b, (x, y) => Math.max(-1, Math.min(1, x - y))).map((slope, i) => slope * Number(dy.data[i])),
  ],

  // Per row and head, with p the attention weights and s the scores: dp = dy v^T, ds = p (dp - sum(p dp)).
  attentionGradient: ([dy, q, ...pairs], { scale, window, prefix = false }, { state }) => {
    const [rows, heads, headDim] = q.shape
    /** The first of the pairs that rows have to themselves. */
    const alone = prefix ? 2 : 1
    const [keys, values] = [0, 1].map((part) => pairs.filter((_, i) => i % 2 === part).map(rowsOf))
    const groups = heads / pairs[0].shape[1]
    const queries = rowsOf(q)
    const dq = new Float64Array(q.data.length)
    const dpairs = pairs.map((x) => new Float64Array(x.data.length))
    const kvWidth = pairs[0].shape[1] * headDim
    for (let row = 0; row < rows; row++) {
      const path = pathTo(row, state.parents).slice(window === null ? 0 : -window)
      /** Of each key the pair and the row: those of the prefix, those of the path, and in other pairs the row itself. */
      const front = prefix && state.isRider?.(row) ? keys[1].map((_, entry) => [1, entry]) : []
      const seen = [...front, ...path.map((r) => [0, r]), ...keys.slice(alone).map((_, i) => [alone + i, row])]
      for (let head = 0; head < heads; head++) {
        const [at, kv] = [head * headDim, Math.floor(head / groups) * headDim]
        const query = queries[row].subarray(at, at + headDim)
        const d = (dy.data as Float32Array).subarray(row * heads * headDim + at, row * heads * headDim + at + headDim)
        const p = softmax(seen.map(([pair, r]) => scale * dot(query, keys[pair][r].subarray(kv, kv + headDim))))
        const dp = seen.map(([pair, r]) => dot(d, values[pair][r].subarray(kv, kv + headDim)))
        const mean = dot(p, dp)
        seen.forEach(([pair, r], j) => {
          const ds = scale * p[j] * (dp[j] - mean)
          const [dk, dv] = dpairs.slice(2 * pair)
          for (let i = 0; i < headDim; i++) {
            dq[row * heads * headDim + at + i] += ds * keys[pair][r][kv + i]
            dk[r * kvWidth + kv + i] += ds * query[i]
            dv[r * kvWidth + kv + i] += p[j] * d[i]
          }
        })
      }
    }
    return [dq, ...dpairs].map((totals) => Float32Array.from(totals))
  },
}

function eachId(ids: Tensor, visit: (id: number, row: number) => void): void {
  ;(ids.data as Int32Array).forEach(visit)
}

function mapPairs(
  a: Tensor,
  b: Tensor,
  compute: (rowA: Float32Array, rowB: Float32Array, out: Float32Array) => void,
): Float32Array {
  const width = lastSize(a)
  let start = 0
  return mapRows(a, width, (row, out) => {
    compute(row, (b.data as Float32Array).subarray(start, start + width), out)
    start += width
  })
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < a.length; i++) total += a[i] * b[i]
  return total
}
