import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel } from 'paceline'
import { expect, test } from 'vitest'
import { adapterTensors, openCheckpoint, wholeAdapter, writeAdapter } from '../checkpoint/index.ts'
import { noise } from '../graph/noise.ts'
import { elementCount, type Tensor, tensor, toFloat32, writeSafetensors } from '../tensor/index.ts'
import { writeTinyFolder } from './tiny.ts'

const prompt = 'Once upon a time, there was a little '

test('an adapter writes what its base model with its weights added up writes, and drafts with what lies beside that', async () => {
  const root = await mkdtemp(join(tmpdir(), 'paceline-adapter-'))
  const at = (...names: string[]) => join(root, ...names)
  try {
    await writeTinyFolder(at('base'), { writes: /[a-z ]/ })
    await writeTinyFolder(at('base', 'draft'), { writes: /[a-n ]/ })
    await cp(at('base'), at('merged'), { recursive: true })
    const { spec, source, close } = await openCheckpoint(at('base'))
    const adapter = wholeAdapter(spec, { rank: 2, alpha: 1 })
    const given = adapterTensors(spec, adapter).map(({ name, dimensions }, i) => {
      const shape = dimensions.map(({ size }) => size)
      return [
        name,
        tensor(
          'f32',
          shape,
          Float32Array.from(noise(elementCount(shape), i), (x) => x / 4),
        ),
      ] as const
    })
    await writeAdapter(at('adapter'), {
      ...{ base: at('base'), spec, adapter, tensors: new Map(given), dtype: 'f32', provenance: {} },
    })
    const weights = new Map<string, Tensor>()
    for (const name of source.infos.keys()) weights.set(name, await source.read(name))
    for (let i = 0; i < given.length; i += 2) {
      const [[down, a], [, b]] = [given[i], given[i + 1]]
      const name = down.replace('base_model.model.', '').replace('.lora_A', '')
      const [, inputs] = a.shape
      const sums = toFloat32(weights.get(name)!).map((weight, at) => {
        const [row, column] = [Math.floor(at / inputs), at % inputs]
        return weight + (b.data[row * 2] * a.data[column] + b.data[row * 2 + 1] * a.data[inputs + column]) / 2
      })
      weights.set(name, tensor('f32', [b.shape[0], inputs], sums as Float32Array<ArrayBuffer>))
    }
    await close()
    await writeSafetensors(at('merged', 'model.safetensors'), Object.fromEntries(weights))

    const texts: Record<string, string> = {}
    for (const name of ['base', 'merged', 'adapter']) {
      await using model = await loadModel(at(name), { threads: 1 })
      for (const drafter of ['none', 'draft:constant']) {
        const { text, stats } = await model.generate(prompt, { maxTokens: 60, drafter }).result()
        texts[`${name} ${drafter}`] = text
        expect(stats.draftForwards > 0).toBe(drafter !== 'none')
      }
    }
    const { 'base none': base, 'adapter none': adapted } = texts
    expect(adapted).not.toBe(base)
    for (const name of ['merged none', 'merged draft:constant', 'adapter draft:constant'])
      expect(texts[name], name).toBe(adapted)
  } finally {
    await rm(root, { recursive: true })
  }
})
