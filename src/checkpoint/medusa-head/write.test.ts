import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { MedusaSpec } from './spec.ts'
import { medusaSpec, readHeads, syntheticTensors } from './synthetic.ts'
import { writeMedusaHeads } from './write.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-medusa-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const provenance = { method: 'medusa' }

test('what is written is read back, whatever the heads are', async () => {
  const specs = fc.record({
    headCount: fc.integer({ min: 1, max: 4 }),
    layerCount: fc.integer({ min: 1, max: 2 }),
    hiddenSize: fc.constant(16),
    vocabSize: fc.constant(320),
    draftVocabSize: fc.constantFrom(320, 40),
    bias: fc.boolean(),
    lmHead: fc.constantFrom('own', 'shared', 'target'),
  }) as fc.Arbitrary<MedusaSpec>
  await fc.assert(
    fc.asyncProperty(specs, async (spec) => {
      const tensors = await syntheticTensors(spec)
      const targetIds =
        spec.draftVocabSize < spec.vocabSize ? Int32Array.from({ length: 40 }, (_, i) => 319 - 7 * i) : undefined
      const path = join(folder, 'any')
      await writeMedusaHeads(path, { spec, tensors, dtype: 'f32', provenance, ...(targetIds && { targetIds }) })
      const heads = await readHeads(path)
      expect(heads.spec).toEqual(spec)
      expect(heads.targetIds).toEqual(targetIds)
      heads.read.delete('token_map')
      expect([...heads.read].sort()).toEqual([...tensors].sort())
    }),
    { seed: 3, numRuns: 20 },
  )
})

test('the configuration has the fields of both layouts', async () => {
  const path = join(folder, 'fields')
  const tensors = await syntheticTensors(medusaSpec)
  await writeMedusaHeads(path, { spec: medusaSpec, tensors, dtype: 'f16', provenance })
  expect(JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))).toMatchObject({
    model_type: 'medusa',
    num_heads: 2,
    num_hidden_layers: 1,
    medusa_num_heads: 2,
    medusa_num_layers: 1,
    hidden_size: 16,
    vocab_size: 320,
    medusa_fc_bias: true,
    original_lm_head: false,
    torch_dtype: 'float16',
  })
  expect((await readHeads(path)).read.get('blocks.0.layers.0.weight')!.dtype).toBe('f16')
})

test('heads that cannot be are not written', async () => {
  const path = join(folder, 'refused')
  const tensors = await syntheticTensors(medusaSpec)
  const content = { spec: medusaSpec, tensors, dtype: 'f32', provenance } as const
  await expect(writeMedusaHeads(path, { ...content, targetIds: Int32Array.of(1) })).rejects.toMatchObject({
    code: 'argument',
    message: expect.stringContaining('1 are given, expected none'),
  })
  tensors.delete('lm_heads.0.weight')
  await expect(writeMedusaHeads(path, content)).rejects.toMatchObject({ code: 'checkpoint' })
  await expect(readHeads(path)).rejects.toMatchObject({ code: 'file' })
})
