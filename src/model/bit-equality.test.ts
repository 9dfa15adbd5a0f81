import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { Precision } from '../graph/index.ts'
import { nativeExecutor } from '../runtime/index.ts'
import { loadAddon } from '../runtime/native/addon.ts'
import { loadTargetModel, type TargetModel } from './load.ts'
import type { Target } from './target.ts'
import { tinyModel, tinyVariants } from './tiny.ts'

const addon = loadAddon()
const isas = 'reason' in addon ? [] : addon.availableIsas()
if ('reason' in addon) console.info(`Bit equality of the native executor is not tested here: ${addon.reason}`)

test.skipIf(isas.length > 0)('bit equality needs the native addon (npm run build:native)', () => {})

const precisions: readonly Precision[] = ['f32', 'int8', 'int4']
const cases = isas.flatMap((isa) => precisions.map((dtype) => ({ isa, dtype })))

/** Logits of the last of `tokens`, decoded one row at a time after what the target holds. */
async function alone(target: Target, tokens: readonly number[]): Promise<Float32Array> {
  const before = target.length
  let logits: Float32Array = new Float32Array(0)
  for (const token of tokens) {
    const outputs = await target.forward(
      { tokens: Int32Array.of(token), parents: Int32Array.of(-1) },
      { head: 'logits' },
    )
    logits = outputs.logits!
    target.commit([0])
  }
  target.truncate(before)
  return logits
}

const bits = (data: Float32Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')

describe.runIf(cases.length > 0).each(cases)('native, $isa, $dtype', ({ isa, dtype }) => {
  const models: TargetModel[] = []
  afterAll(async () => {
    for (const model of models) await model.dispose()
  })

  test('every row of every tree has the bits of plain decoding, in one pass or several, with any number of threads', async () => {
    const variants = Object.values(tinyVariants)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...variants),
        fc.constantFrom(1, 2, 3),
        fc.array(fc.nat(63), { maxLength: 40 }),
        fc.array(fc.tuple(fc.nat(63), fc.nat(1000)), { minLength: 1, maxLength: 24 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }),
        async (variant, threads, prompt, tree, passes) => {
          const { spec, source } = tinyModel(variant)
          const model = await loadTargetModel(spec, source, { executor: nativeExecutor({ threads, isa }), dtype })
          const single = await loadTargetModel(spec, source, { executor: nativeExecutor({ threads: 1, isa }), dtype })
          models.push(model, single)
          const [together, oneByOne] = [model.createTarget(), single.createTarget()]
          if (prompt.length > 0) {
            // At once on one side, token by token on the other: prefill is rows, too.
            const parents = Int32Array.from(prompt, (_, i) => i - 1)
            await together.forward({ tokens: Int32Array.from(prompt), parents }, {})
            together.commit(prompt.map((_, i) => i))
            for (const token of prompt) {
              await oneByOne.forward({ tokens: Int32Array.of(token), parents: Int32Array.of(-1) }, {})
              oneByOne.commit([0])
            }
          }
          const tokens = Int32Array.from(tree, ([token]) => token)
          const parents = Int32Array.from(tree, ([, parent], row) => (parent % (row + 1)) - 1)
          const { logits } = await together.forward({ tokens, parents }, { head: 'logits' })
          for (let row = 0; row < tokens.length; row++) {
            const path: number[] = []
            for (let r = row; r >= 0; r = parents[r]) path.unshift(tokens[r])
            const expected = await alone(oneByOne, path)
            expect(bits(logits!.subarray(row * spec.vocabSize, (row + 1) * spec.vocabSize))).toBe(bits(expected))
          }
          let held = 0
          for (const rows of [...passes, tokens.length]) {
            const end = Math.min(tokens.length, held + rows)
            if (end === held) break
            const level = { tokens: tokens.slice(held, end), parents: parents.slice(held, end), held }
            const outputs = await together.forward(level, { head: 'logits' })
            expect(bits(outputs.logits!)).toBe(bits(logits!.subarray(held * spec.vocabSize, end * spec.vocabSize)))
            held = end
          }
          // What is committed, across passes, is what plain decoding has in its cache.
          const accepted: number[] = []
          for (let row = tokens.length - 1; row >= 0; row = parents[row]) accepted.unshift(row)
          together.commit(accepted)
          const next = await together.forward(
            { tokens: Int32Array.of(7), parents: Int32Array.of(-1) },
            { head: 'logits' },
          )
          const path = accepted.map((row) => tokens[row])
          expect(bits(next.logits!)).toBe(bits(await alone(oneByOne, [...path, 7])))
          together.dispose()
          oneByOne.dispose()
        },
      ),
      { numRuns: 12, seed: 1 },
    )
  })
})
