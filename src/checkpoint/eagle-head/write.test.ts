import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tensor, toFloat32 } from '../../tensor/index.ts'
import { shapeSpec } from '../shapes.ts'
import { storedDTypes } from '../stored-dtype.ts'
import { openEagleHead } from './open.ts'
import type { EagleHeadSpec } from './spec.ts'
import { eagle3Ids, eagle3Spec, eagleSpec, syntheticTarget, syntheticTensors } from './synthetic.ts'
import { writeEagleHead } from './write.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'paceline-write-head-'))
})
afterAll(() => rm(root, { recursive: true }))

const content = async () => ({
  spec: eagle3Spec,
  tensors: await syntheticTensors(eagle3Spec),
  targetIds: eagle3Ids,
  dtype: 'f32' as const,
  provenance: { method: 'eagle3' },
})

const specs = fc
  .record({
    kind: fc.constantFrom('eagle' as const, 'eagle3' as const),
    heads: fc.constantFrom([1, 1], [2, 1], [4, 2], [3, 3]),
    headDim: fc.integer({ min: 1, max: 6 }).map((half) => 2 * half),
    hiddenSize: fc.integer({ min: 1, max: 20 }),
    targetHiddenSize: fc.integer({ min: 1, max: 20 }),
    intermediateSize: fc.integer({ min: 1, max: 20 }),
    vocabSize: fc.integer({ min: 2, max: 40 }),
    known: fc.uniqueArray(fc.nat(39), { minLength: 1, maxLength: 40 }),
    taps: fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 4 }),
    flags: fc.record({ fcBias: fc.boolean(), qkvBias: fc.boolean(), mlpBias: fc.boolean() }),
    output: fc.boolean(),
    normBeforeResidual: fc.boolean(),
    rope: fc.constantFrom<EagleHeadSpec['rope']>(
      { theta: 500_000, scaling: { type: 'default' } },
      { theta: 10_000, scaling: { type: 'linear', factor: 4 } },
    ),
    ownEmbedding: fc.boolean(),
  })
  .map(({ kind, heads, known, flags, output, targetHiddenSize, ownEmbedding, ...rest }) => {
    const isEagle3 = kind === 'eagle3'
    const all = { ...eagleSpec, ...rest, ...flags, outputBias: output && flags.qkvBias }
    const ids = Int32Array.from([...new Set(known.map((id) => id % rest.vocabSize))].sort((a, b) => a - b))
    const spec: EagleHeadSpec = {
      ...all,
      kind,
      headCount: heads[0],
      kvHeadCount: heads[1],
      // Only with an embedding of its own can a head be of another width than its target.
      targetHiddenSize: isEagle3 && ownEmbedding ? targetHiddenSize : rest.hiddenSize,
      fcBias: !isEagle3 && flags.fcBias,
      taps: isEagle3 ? rest.taps.toSorted((a, b) => a - b) : [],
      draftVocabSize: isEagle3 || output ? ids.length : rest.vocabSize,
      normBeforeResidual: isEagle3 && rest.normBeforeResidual,
    }
    return { spec, ids: spec.draftVocabSize < spec.vocabSize ? ids : undefined, ownEmbedding }
  })

test('any head that is written opens as it was', async () => {
  const folder = join(root, 'any')
  await fc.assert(
    fc.asyncProperty(specs, async ({ spec, ids, ownEmbedding }) => {
      const tensors = await syntheticTensors(spec, ownEmbedding)
      const target = shapeSpec({
        hiddenSize: spec.targetHiddenSize,
        vocabSize: spec.vocabSize,
        layerCount: 10,
      })
      const provenance = { method: spec.kind }
      await writeEagleHead(folder, { spec, tensors, ...(ids && { targetIds: ids }), dtype: 'f32', provenance })
      const head = await openEagleHead(folder, target)
      try {
        expect(head.spec).toEqual(spec)
        expect(head.targetIds).toEqual(ids)
        for (const [name, value] of tensors) expect(await head.source.read(name)).toEqual(value)
        expect(head.source.infos.size).toBe(tensors.size + (ids === undefined ? 0 : 2))
      } finally {
        await head.close()
      }
    }),
    { seed: 11, numRuns: 30 },
  )
})

test.for(storedDTypes)('weights are stored as %s, ids as offsets and flags', async (dtype) => {
  const folder = join(root, dtype)
  const given = await content()
  await writeEagleHead(folder, { ...given, dtype })
  const head = await openEagleHead(folder, syntheticTarget)
  const { d2t, t2d, ...weights } = Object.fromEntries(head.source.infos)
  expect([d2t.dtype, t2d.dtype]).toEqual(['i64', 'bool'])
  expect((await head.source.read('d2t')).data).toEqual(BigInt64Array.of(2n, 2n, 5n, 197n, 315n))
  for (const { name, dtype: found } of Object.values(weights)) {
    expect(found).toBe(dtype)
    const exact = toFloat32(given.tensors.get(name)!)
    // f16 has a smallest step of 2^-24.
    toFloat32(await head.source.read(name)).forEach((value, i) => {
      if (Math.abs(value - exact[i]) > 2 ** -8 * Math.abs(exact[i]) + 2 ** -25)
        throw new Error(`${name}: ${value}, not ${exact[i]}`)
    })
  }
  await head.close()
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
  expect(config.torch_dtype).toBe({ f16: 'float16', bf16: 'bfloat16', f32: 'float32' }[dtype])
})

test('what an opened head holds can be written again', async () => {
  const [first, second] = [join(root, 'first'), join(root, 'second')]
  await writeEagleHead(first, await content())
  const head = await openEagleHead(first, syntheticTarget)
  const tensors = new Map<string, Awaited<ReturnType<typeof head.source.read>>>()
  for (const name of head.source.infos.keys()) tensors.set(name, await head.source.read(name))
  await head.close()
  await writeEagleHead(second, { ...(await content()), spec: head.spec, tensors, targetIds: head.targetIds! })
  for (const file of ['config.json', 'model.safetensors', 'paceline.json'])
    expect(Buffer.compare(await readFile(join(first, file)), await readFile(join(second, file)))).toBe(0)
})

test('an earlier head is replaced, anything else is left alone', async () => {
  const folder = join(root, 'out')
  await writeEagleHead(folder, await content())
  await writeEagleHead(folder, { ...(await content()), provenance: { method: 'eagle3', again: true } })
  expect(JSON.parse(await readFile(join(folder, 'paceline.json'), 'utf8'))).toEqual({ method: 'eagle3', again: true })
  expect((await readdir(folder)).sort()).toEqual(['config.json', 'model.safetensors', 'paceline.json'])
  await mkdir(join(root, 'other'))
  await writeFile(join(root, 'other', 'precious.txt'), 'x')
  await expect(writeEagleHead(join(root, 'other'), await content())).rejects.toMatchObject({ code: 'argument' })
  expect(await readdir(join(root, 'other'))).toEqual(['precious.txt'])
})

test('what does not fit is refused and leaves nothing behind', async () => {
  const folder = join(root, 'wrong')
  const given = await content()
  const { targetIds: _, ...withoutIds } = given
  const norm = tensor('f32', [32], new Float32Array(32).fill(7e4))
  const cases: [Parameters<typeof writeEagleHead>[1], string, RegExp][] = [
    [{ ...given, tensors: new Map([...given.tensors].slice(1)) }, 'checkpoint', /there is no tensor "fc\.weight"/],
    [{ ...given, tensors: new Map(given.tensors).set('extra', norm) }, 'checkpoint', /unexpected tensor "extra"/],
    [
      { ...given, tensors: new Map(given.tensors).set('norm.weight', norm), dtype: 'f16' },
      'argument',
      /too large for f16/,
    ],
    [{ ...given, targetIds: Int32Array.of(1, 2, 3) }, 'argument', /3 are given, expected 5/],
    [{ ...given, targetIds: Int32Array.of(1, 2, 2, 3, 4) }, 'argument', /number 2 is 2, expected ids in rising order/],
    [{ ...given, targetIds: Int32Array.of(1, 2, 3, 4, 320) }, 'argument', /number 4 is 320/],
    [withoutIds, 'argument', /none are given, expected 5/],
    [{ ...given, spec: { ...eagle3Spec, draftVocabSize: 320 } }, 'argument', /expected none/],
    [{ ...given, spec: { ...eagle3Spec, qkNorm: true } }, 'argument', /qkNorm/],
  ]
  for (const [wrong, code, message] of cases)
    await expect(writeEagleHead(folder, wrong)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  expect((await readdir(root)).filter((name) => name.includes('wrong'))).toEqual([])
})
