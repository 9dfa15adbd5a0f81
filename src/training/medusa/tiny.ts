import type { MedusaLmHead, MedusaSpec } from '../../checkpoint/index.ts'
import { noise } from '../../graph/noise.ts'
import { tinyModel } from '../../model/tiny.ts'
import type { Tensor } from '../../tensor/index.ts'
import { tinyTokens } from '../eagle/tiny.ts'
import { sharedHead } from '../objectives/eagle.ts'
import { freshHeads } from './fresh-heads.ts'
import { medusaInputs } from './step-inputs.ts'

/** Two fresh heads, a batch, and features in it that are noise; the target would write what the batch goes on with. */
export function tinyHeads(lmHead: MedusaLmHead, soft: number) {
  const { spec: target, tensors: own } = tinyModel()
  const { hiddenSize, vocabSize } = target
  const spec: MedusaSpec = {
    ...{ headCount: 2, layerCount: 1, hiddenSize, vocabSize, draftVocabSize: vocabSize },
    ...{ bias: true, lmHead },
  }
  const head = own['lm_head.weight']
  const tensors: Record<string, Tensor> = { ...freshHeads(spec, head), [sharedHead]: head }
  const batch = tinyTokens(vocabSize, 2, 8)
  const features = noise(batch.tokens.length * hiddenSize, 1).map((x) => 2 * x)
  const draftIds = Int32Array.from({ length: vocabSize }, (_, id) => id)
  /** What the target says of the token after a row. */
  const logits = (row: number) =>
    Array.from({ length: vocabSize }, (_, id) => {
      let dot = 0
      for (let i = 0; i < hiddenSize; i++) dot += features[row * hiddenSize + i] * head.data[id * hiddenSize + i]
      return dot
    })
  return {
    ...{ spec, tensors, batch, logits },
    ...medusaInputs(batch, { features, answers: batch.targets }, { spec, soft, draftIds }),
  }
}
