import { expect, test } from 'vitest'
import type { BitaSpec } from '../../checkpoint/index.ts'
import { freshRiders } from './fresh-riders.ts'

const spec: BitaSpec = {
  ...{ maskCount: 2, prefixLength: 50, hiddenSize: 3, vocabSize: 2 },
  ...{ layerCount: 2, kvHeadCount: 1, headDim: 8 },
}

test('masks are the mean of the text, the prefix noise as large as keys and values are, by the seed', () => {
  const embeddings = Float32Array.of(1, 2, 4, 5, -2, 0)
  const made = (seed: number) => freshRiders(spec, { embeddings, counts: [3, 1], seed })
  const { 'mask_tokens.weight': masks, 'prefix_encoder.embedding.weight': prefix } = made(1)
  expect(masks.shape).toEqual([2, 3])
  expect([...masks.data]).toEqual([2, 1, 3, 2, 1, 3])
  expect(prefix.shape).toEqual([50, 32])
  const square = prefix.data.reduce((sum, x) => sum + x * x, 0) / prefix.data.length
  expect(Math.sqrt(square)).toBeCloseTo(0.5, 1)
  expect(made(1)).toEqual(made(1))
  expect(made(2)['prefix_encoder.embedding.weight']).not.toEqual(prefix)
})
