import { describe, expect, test } from 'vitest'
import type { ModelSpec } from '../checkpoint/index.ts'
import { rotationOf } from '../nn/index.ts'
import { referenceExecutor } from '../runtime/index.ts'
import { loadTargetModel } from './load.ts'
import { type TinyModel, tinyModel, tinyVariants } from './tiny.ts'

/*
 * The Llama family once more, as Hugging Face transformers writes it (modeling_llama.py, qwen2, qwen3, mistral) and in
 * nothing but loops over a whole sequence: separate projections, rotate_half, repeated key heads, a causal mask.
 */

type Matrix = number[][] // rows of numbers

interface NaiveOutputs {
  /** Hidden states after each layer. */
  readonly layers: readonly Matrix[]
  readonly features: Matrix
  readonly logits: Matrix
}

function naiveForward({ spec, tensors }: TinyModel, tokens: readonly number[]): NaiveOutputs {
  const rowsOf = (name: string): Matrix => {
    const { shape, data } = tensors[name]
    return Array.from({ length: shape[0] }, (_, r) => [...data.subarray(r * shape[1], (r + 1) * shape[1])])
  }
  const linear = (x: Matrix, name: string): Matrix => {
    const bias = tensors[`${name}.bias`]?.data
    const weight = rowsOf(`${name}.weight`)
    return x.map((row) => weight.map((w, n) => dot(w, row) + (bias?.[n] ?? 0)))
  }
  const rmsNorm = (row: readonly number[], name: string): number[] => {
    const gain = tensors[`${name}.weight`].data
    const variance = row.reduce((sum, v) => sum + v ** 2, 0) / row.length
    return row.map((v, i) => gain[i] * (v / Math.sqrt(variance + spec.normEps)))
  }

  const table = rowsOf('model.embed_tokens.weight')
  let x = tokens.map((token) => table[token])
  const layers = spec.windows.map((window, layer) => {
    const name = `model.layers.${layer}`
    const normed = x.map((row) => rmsNorm(row, `${name}.input_layernorm`))
    const heads = (part: string) =>
      linear(normed, `${name}.self_attn.${part}_proj`).map((row, position) =>
        cut(row, spec.headDim).map((head) => {
          if (part === 'v') return head
          return rotate(spec.qkNorm ? rmsNorm(head, `${name}.self_attn.${part}_norm`) : head, position, spec)
        }),
      ) // [position][head][headDim]
    const mixed = attend(heads('q'), heads('k'), heads('v'), window)
    const attended = sum(x, linear(mixed, `${name}.self_attn.o_proj`))
    const mlpInput = attended.map((row) => rmsNorm(row, `${name}.post_attention_layernorm`))
    const up = linear(mlpInput, `${name}.mlp.up_proj`)
    const inner = linear(mlpInput, `${name}.mlp.gate_proj`).map((row, t) =>
      row.map((gate, i) => (gate / (1 + Math.exp(-gate))) * up[t][i]),
    )
    x = sum(attended, linear(inner, `${name}.mlp.down_proj`))
    return x
  })
  const features = x.map((row) => rmsNorm(row, 'model.norm'))
  const head = spec.tiedEmbeddings ? table : rowsOf('lm_head.weight')
  return { layers, features, logits: features.map((row) => head.map((w) => dot(w, row))) }
}

/** apply_rotary_pos_emb: x cos + rotate_half(x) sin, with each frequency once in either half. */
function rotate(head: readonly number[], position: number, { rope, headDim }: ModelSpec): number[] {
  const { frequencies, scale } = rotationOf(rope, headDim)
  const half = headDim / 2
  return head.map((v, i) => {
    const angle = position * frequencies[i % half]
    const rotated = i < half ? -head[i + half] : head[i - half]
    return scale * (v * Math.cos(angle) + rotated * Math.sin(angle))
  })
}

/** eager_attention_forward, after repeat_kv; a sliding window lets i see j where i - j < window. */
function attend(q: Matrix[], k: Matrix[], v: Matrix[], window: number | null): Matrix {
  const repeats = q[0].length / k[0].length
  return q.map((heads, i) =>
    heads.flatMap((query, h) => {
      const kv = Math.floor(h / repeats)
      const seen = k.map((_, j) => j).filter((j) => j <= i && (window === null || i - j < window))
      const exps = seen.map((j) => Math.exp(dot(query, k[j][kv]) / Math.sqrt(query.length)))
      const total = exps.reduce((a, b) => a + b)
      return query.map((_, d) => seen.reduce((mix, j, n) => mix + (exps[n] / total) * v[j][kv][d], 0))
    }),
  )
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((total, value, i) => total + value * b[i], 0)
const sum = (a: Matrix, b: Matrix): Matrix => a.map((row, r) => row.map((value, i) => value + b[r][i]))
const cut = (row: readonly number[], size: number): Matrix =>
  Array.from({ length: row.length / size }, (_, i) => row.slice(i * size, (i + 1) * size))

function expectClose(actual: Float32Array, expected: Matrix): void {
  const flat = expected.flat()
  expect(actual.length).toBe(flat.length)
  flat.forEach((value, i) => {
    expect(Math.abs(actual[i] - value) / (1 + Math.abs(value))).toBeLessThan(1e-5)
  })
}

const tokens = [5, 17, 17, 60, 0, 33, 5, 17, 42]
const pass = {
  tokens: Int32Array.from(tokens),
  parents: Int32Array.from(tokens, (_, i) => i - 1),
}

describe('taps, features and logits equal those of a naive implementation', () => {
  test.each(Object.entries(tinyVariants))('%s', async (_, fields) => {
    const tiny = tinyModel(fields, 3)
    const model = await loadTargetModel(tiny.spec, tiny.source, {
      executor: referenceExecutor,
      dtype: 'f32',
      taps: [0, 1],
    })
    const outputs = await model.createTarget().forward(pass, { head: 'logits', features: true, taps: [0, 1] })
    const expected = naiveForward(tiny, tokens)
    expectClose(outputs.taps![0], expected.layers[0])
    expectClose(outputs.taps![1], expected.layers[1])
    expectClose(outputs.features!, expected.features)
    expectClose(outputs.logits!, expected.logits)
  })

  test('a model of one layer', async () => {
    const tiny = tinyModel({ layerCount: 1 }, 4)
    const model = await loadTargetModel(tiny.spec, tiny.source, { executor: referenceExecutor, dtype: 'f32' })
    const { logits } = await model.createTarget().forward(pass, { head: 'logits' })
    expectClose(logits!, naiveForward(tiny, tokens).logits)
  })
})
