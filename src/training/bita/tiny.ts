import type { BitaSpec } from '../../checkpoint/index.ts'
import { noise } from '../../graph/noise.ts'
import { tinyModel } from '../../model/tiny.ts'
import { type Tensor, tensor } from '../../tensor/index.ts'
import { tinyTokens } from '../eagle/tiny.ts'
import { frozenPrefix } from '../objectives/bita.ts'
import { bitaInputs } from './step-inputs.ts'

/** Two masks and a prefix of noise, a batch with groups of them, and a target that would write what the batch goes on with. */
export function tinyRiders() {
  const { spec: target, source, tensors: own } = tinyModel()
  const { hiddenSize, vocabSize, layerCount, kvHeadCount, headDim } = target
  const spec: BitaSpec = {
    ...{ maskCount: 2, prefixLength: 3 },
    ...{ hiddenSize, vocabSize, layerCount, kvHeadCount, headDim },
  }
  const width = 2 * layerCount * kvHeadCount * headDim
  const riders = {
    'mask_tokens.weight': tensor('f32', [2, hiddenSize], noise(2 * hiddenSize, 1)),
    'prefix_encoder.embedding.weight': tensor('f32', [3, width], noise(3 * width, 2)),
  }
  const frozen = Object.fromEntries(Object.entries(own).map(([name, values]) => [frozenPrefix + name, values] as const))
  const tensors: Record<string, Tensor> = { ...riders, ...frozen }
  const batch = tinyTokens(vocabSize, 2, 8)
  const embeddings = own['model.embed_tokens.weight'].data
  const place = { seed: 1, at: [0, 0] as const }
  return {
    ...{ spec, target, source, riders, tensors, batch },
    ...bitaInputs(batch, { answers: batch.targets }, { spec, embeddings, groups: 3, place }),
  }
}
