import { expect, test } from 'vitest'
import { type MedusaLmHead, medusaTensors } from '../../checkpoint/index.ts'
import { noise } from '../../graph/noise.ts'
import { nativeExecutor, referenceExecutor } from '../../runtime/index.ts'
import { memorySource, type Tensor, tensor } from '../../tensor/index.ts'
import { tinyModel } from '../tiny.ts'
import { loadMedusaHeads } from './heads.ts'

const { spec: target, source: targetSource, tensors: own } = tinyModel()
const { hiddenSize, vocabSize } = target
const known = Int32Array.of(40, 3, 12, 63, 9)

function headsOf(lmHead: MedusaLmHead, targetIds?: Int32Array) {
  const spec = {
    ...{ headCount: 3, layerCount: 2, hiddenSize, vocabSize, bias: true, lmHead },
    draftVocabSize: targetIds?.length ?? vocabSize,
  }
  const tensors: Record<string, Tensor<'f32'>> = {}
  for (const [i, { name, dimensions }] of medusaTensors(spec).entries()) {
    const shape = dimensions.map(({ size }) => size)
    tensors[name] = tensor(
      'f32',
      shape,
      noise(
        shape.reduce((a, b) => a * b),
        i + 1,
      ),
    )
  }
  return { spec, tensors, ...(targetIds && { targetIds }) }
}

/** W x + b, as written. */
function times({ shape: [rows, width], data }: Tensor<'f32'>, x: readonly number[], bias?: Tensor<'f32'>): number[] {
  return Array.from({ length: rows }, (_, row) =>
    x.reduce((sum, value, i) => sum + value * data[row * width + i], bias?.data[row] ?? 0),
  )
}

const feature = noise(hiddenSize, 99)
const executors = [referenceExecutor, nativeExecutor({ threads: 1 })]

test.each(
  executors.flatMap((executor) =>
    (['own', 'shared', 'target'] as const).flatMap((lmHead) =>
      [undefined, known].map((targetIds) => ({ executor, lmHead, targetIds, name: executor.name })),
    ),
  ),
)('heads compute what the paper says, $name, $lmHead, tokens $targetIds', async ({ executor, lmHead, targetIds }) => {
  const { spec, tensors } = headsOf(lmHead, targetIds)
  const sources = {
    ...{ spec, heads: memorySource(tensors), target: { spec: target }, targetSource },
    ...(targetIds && { targetIds }),
  }
  const model = await loadMedusaHeads(sources, { executor, dtype: 'f32', top: 4 })
  const { logits, top } = await model.forward(feature, ['logits', 'top'])
  const ids = [...(targetIds ?? Array.from({ length: vocabSize }, (_, id) => id))]
  for (let head = 0; head < 3; head++) {
    let state = [...feature]
    for (let layer = 0; layer < 2; layer++) {
      const name = `blocks.${head}.layers.${layer}`
      const inner = times(tensors[`${name}.weight`], state, tensors[`${name}.bias`])
      state = state.map((value, i) => value + inner[i] / (1 + Math.exp(-inner[i])))
    }
    const matrix = {
      own: () => times(tensors[`lm_heads.${head}.weight`], state),
      shared: () => times(tensors['lm_head.weight'], state),
      target: () => {
        const all = times(own['lm_head.weight'], state)
        return ids.map((id) => all[id])
      },
    }
    const expected = matrix[lmHead]()
    const row = logits!.subarray(head * vocabSize, (head + 1) * vocabSize)
    for (const [i, id] of ids.entries()) expect(Math.abs(row[id] - expected[i])).toBeLessThan(1e-3)
    if (targetIds) expect(row.filter((value) => value === -Infinity)).toHaveLength(vocabSize - known.length)
    const best = ids.toSorted((a, b) => row[b] - row[a]).slice(0, 4)
    expect([...top!.tokens.subarray(4 * head, 4 * head + 4)]).toEqual(best)
    const total = Math.log(expected.reduce((sum, logit) => sum + Math.exp(logit), 0))
    expect(top!.logProbabilities[4 * head]).toBeCloseTo(Math.max(...expected) - total, 3)
  }
  await model.dispose()
})

test('blocks of zeros leave the words of the target as they are', async () => {
  const { spec, tensors } = headsOf('target')
  for (const { data } of Object.values(tensors)) data.fill(0)
  const sources = { spec, heads: memorySource(tensors), target: { spec: target }, targetSource }
  const model = await loadMedusaHeads(sources, { executor: referenceExecutor, dtype: 'f32', top: 1 })
  const { logits } = await model.forward(feature, ['logits'])
  const expected = times(own['lm_head.weight'], [...feature])
  for (let head = 0; head < 3; head++)
    for (const [id, value] of expected.entries()) expect(logits![head * vocabSize + id]).toBeCloseTo(value, 4)
  await model.dispose()
})
