import { type MedusaSpec, medusaTensors } from '../../checkpoint/index.ts'
import { loadMedusaHeads, type MedusaModel, type TargetModel } from '../../model/index.ts'
import { referenceExecutor } from '../../runtime/index.ts'
import { memorySource, type TensorSource, tensor } from '../../tensor/index.ts'

/** Heads of random weights for a target, on its own LM head, of few residue: they guess much what the target says now. */
export async function tinyMedusa(
  target: TargetModel,
  targetSource: TensorSource,
  { top = 10, heads = 3, seed = 1, targetIds = undefined as Int32Array | undefined } = {},
): Promise<MedusaModel> {
  const { vocabSize, hiddenSize } = target.spec
  const draftVocabSize = targetIds?.length ?? vocabSize
  const spec: MedusaSpec = {
    ...{ headCount: heads, layerCount: 1, hiddenSize, vocabSize, draftVocabSize },
    ...{ bias: true, lmHead: 'target' },
  }
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  const weights = medusaTensors(spec).map(({ name, dimensions }) => {
    const shape = dimensions.map(({ size }) => size)
    const spread = 2 / Math.sqrt(hiddenSize)
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => spread * next())
    return [name, tensor('f32', shape, data)] as const
  })
  const sources = { spec, heads: memorySource(Object.fromEntries(weights)), target, targetSource }
  return loadMedusaHeads(
    { ...sources, ...(targetIds && { targetIds }) },
    { executor: referenceExecutor, dtype: 'f32', top },
  )
}
