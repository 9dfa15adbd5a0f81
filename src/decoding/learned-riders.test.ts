import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noise } from '../graph/noise.ts'
import { type LearnedRiders, loadTargetModel, type RowOutputs } from '../model/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { type Executor, nativeExecutor, referenceExecutor } from '../runtime/index.ts'
import { loadAddon } from '../runtime/native/addon.ts'
import { decode, prefill } from './decode.ts'
import type { Drafter, Verdict } from './drafter.ts'
import { createSampler, type SamplingOptions } from './sampling/index.ts'
import { chain, TokenTree } from './tree.ts'

const executors: readonly (readonly [string, Executor])[] = [
  ['reference', referenceExecutor],
  ...('reason' in loadAddon() ? [] : [['native', nativeExecutor({ threads: 2 })] as const]),
]
const { spec, source } = tinyModel({ architecture: 'mistral', windows: [null, 12] }, 3)
const { vocabSize, hiddenSize, kvHeadCount, headDim, layerCount } = spec
const prompt = [5, 9, 2, 33, 5, 9]

function learned(seed: number, entries: number): LearnedRiders {
  const some = (i: number) => noise(entries * kvHeadCount * headDim, seed + i)
  return {
    vectors: noise(2 * hiddenSize, seed),
    prefix: Array.from({ length: layerCount }, (_, l) => ({ keys: some(2 * l + 1), values: some(2 * l + 2) })),
  }
}

interface Seen {
  readonly size: number
  readonly outputs: RowOutputs
}

/** Guesses a tree, and has two riders in a row behind each of its rows; asks for what the last pair yields. */
function riding(seeds: readonly number[], riders: LearnedRiders, seen: Seen[] = []): Drafter {
  let size = 0
  return {
    name: 'riding',
    riders,
    start() {},
    propose(root, { rows }) {
      size = Math.min(seeds.length + 1, Math.floor(rows / 3))
      if (size === 0) return { tree: chain(root) }
      const parents = [-1, ...seeds.slice(0, size - 1).map((p, row) => p % (row + 1))]
      const tree = new TokenTree([root, ...parents.slice(1).map((_, i) => (7 * i) % vocabSize)], parents)
      const tokens = Int32Array.from({ length: 2 * size }, (_, i) => vocabSize + (i % 2))
      const above = Int32Array.from(tokens, (_, i) => (i % 2 === 0 ? i / 2 : size + i - 1))
      return { tree, riders: { tokens, parents: above } }
    },
    async observe({ riders }: Verdict) {
      if (size > 0) seen.push({ size, outputs: await riders!([size, size + 1], ['argmax', 'logits']) })
    },
  }
}

const plain: Drafter = { name: 'plain', start() {}, propose: (root) => ({ tree: chain(root) }), observe() {} }

describe.each(executors)('riders that have learned something: %s', (name, executor) => {
  const loaded = loadTargetModel(spec, source, { executor, dtype: name === 'native' ? 'int8' : 'f32' })

  async function write(drafter: Drafter, sampling: SamplingOptions): Promise<number[]> {
    const target = (await loaded).createTarget()
    const settings = { sampler: createSampler(sampling, vocabSize), maxTokens: 14, eosTokenIds: [] }
    await prefill(target, drafter, prompt, settings)
    const text: number[] = []
    for await (const { tokens } of decode(target, drafter, prompt, settings)) text.push(...tokens)
    target.dispose()
    return text
  }

  test('the text is that of plain decoding, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(100), { minLength: 1, maxLength: 4 }),
        fc.nat(1000),
        fc.constantFrom(1, 3),
        fc.constantFrom(0, 1),
        async (seeds, seed, entries, temperature) => {
          const sampling = { temperature, seed: 4 }
          const expected = await write(plain, sampling)
          expect(await write(riding(seeds, learned(seed, entries)), sampling)).toEqual(expected)
        },
      ),
      { numRuns: 12, seed: 1 },
    )
  })

  test('what they yield is asked for when the outcome is known, and depends on vectors and prefix', async () => {
    const first = async (riders: LearnedRiders) => {
      const seen: Seen[] = []
      await write(riding([0, 0], riders, seen), {})
      const { argmax, logits } = seen[0].outputs
      expect(argmax).toHaveLength(2)
      expect(logits).toHaveLength(2 * vocabSize)
      return [...logits!]
    }
    const riders = learned(1, 3)
    const is = await first(riders)
    expect(await first(riders)).toEqual(is)
    expect(await first({ ...riders, prefix: learned(2, 3).prefix! })).not.toEqual(is)
    const { prefix: _, ...without } = riders
    expect(await first(without)).not.toEqual(is)
    // The first of the two riders has not changed, the second sees it and has.
    const vectors = riders.vectors.slice()
    vectors.fill(0.5, hiddenSize)
    const other = await first({ ...riders, vectors })
    expect(other.slice(0, vocabSize)).toEqual(is.slice(0, vocabSize))
    expect(other.slice(vocabSize)).not.toEqual(is.slice(vocabSize))
  })

  test('vectors are for riders alone, and all has to fit the model', async () => {
    const target = (await loaded).createTarget()
    target.setRiders(learned(1, 3))
    const pass = (token: number, ridersFrom: number) =>
      target.forward({ tokens: Int32Array.of(5, token), parents: Int32Array.of(-1, 0), ridersFrom }, { features: true })
    await pass(vocabSize + 1, 1)
    await expect(pass(vocabSize + 2, 1)).rejects.toThrow(`token id ${vocabSize + 2} is not in the vocabulary`)
    await expect(pass(vocabSize, 2)).rejects.toThrow(`token id ${vocabSize} is not in the vocabulary`)
    expect(() => target.setRiders()).toThrow(/empty cache/)
    target.truncate(0)
    expect(() => target.setRiders({ vectors: new Float32Array(hiddenSize + 1) })).toThrow(/expected \[count, 32\]/)
    expect(() => target.setRiders({ ...learned(1, 3), prefix: learned(1, 3).prefix!.slice(1) })).toThrow(/layers/)
    target.setRiders()
    await expect(pass(vocabSize, 1)).rejects.toThrow('is not in the vocabulary')
    target.dispose()
  })
})
