import { expect, test } from 'vitest'
import type { EagleHeadSpec } from '../../checkpoint/index.ts'
import { eagleHeadTensors } from '../../checkpoint/index.ts'
import { noise } from '../../graph/noise.ts'
import { referenceExecutor as executor } from '../../runtime/index.ts'
import { elementCount, memorySource, type Tensor, tensor } from '../../tensor/index.ts'
import { loadTargetModel } from '../load.ts'
import { tinyModel } from '../tiny.ts'
import { loadEagleHead } from './head.ts'

const target = tinyModel()
const { hiddenSize } = target.spec
/** The embedding is as much smaller than the state as the weights that read it are larger. */
const ratio = 200

function headOf(kind: EagleHeadSpec['kind']) {
  const { vocabSize, contextLength, intermediateSize, headCount, kvHeadCount, headDim, normEps, rope } = target.spec
  const spec: EagleHeadSpec = {
    ...{ kind, vocabSize, contextLength, hiddenSize, targetHiddenSize: hiddenSize, draftVocabSize: vocabSize },
    ...{ intermediateSize, headCount, kvHeadCount, headDim, normEps, rope, layerCount: 1, windows: [null] },
    ...{ fcBias: kind === 'eagle', qkvBias: false, outputBias: false, mlpBias: false, qkNorm: false },
    ...{ taps: kind === 'eagle3' ? [0, 1] : [], normBeforeResidual: false },
  }
  const tensors: Record<string, Tensor> = {}
  for (const [i, { name, dimensions }] of eagleHeadTensors(spec).entries()) {
    const shape = dimensions.map(({ size }) => size)
    const data = noise(elementCount(shape), i + 1).map((x) => (name.endsWith('norm.weight') ? 1 : 0.3 * x))
    // The first of the inputs that fc reads is the small one.
    if (name === 'fc.weight') for (let j = 0; j < data.length; j++) if (j % shape[1] < hiddenSize) data[j] *= ratio
    tensors[name] = tensor('f32', shape, data)
  }
  const embedding = noise(vocabSize * hiddenSize, 9).map((x) => (kind === 'eagle' ? x / ratio : x))
  tensors['embed_tokens.weight'] = tensor('f32', [vocabSize, hiddenSize], embedding)
  return { spec, head: memorySource(tensors) }
}

test.each(['eagle', 'eagle3'] as const)('%s in int8: what is small beside the rest is not lost', async (kind) => {
  const model = await loadTargetModel(target.spec, target.source, { executor, dtype: 'f32' })
  const sources = { ...headOf(kind), target: model, targetSource: target.source }
  const tokens = Int32Array.of(3, 1, 4, 1, 5)
  const width = kind === 'eagle' ? hiddenSize : 2 * hiddenSize
  const given = noise(tokens.length * width, 20)
  if (kind === 'eagle3') for (let i = 0; i < given.length; i++) if (i % width < hiddenSize) given[i] /= ratio
  const [exact, rounded] = await Promise.all(
    (['f32', 'int8'] as const).map(async (dtype) => {
      const text = (await loadEagleHead(sources, { executor, dtype, top: 4 })).createText()
      const states = await text.stateOf(given)
      return (await text.forward({ tokens, states, parents: tokens.map((_, i) => i - 1) }, [])).states
    }),
  )
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0))
  expect(norm(exact.map((x, i) => x - rounded[i]))).toBeLessThan(0.05 * norm(exact))
})
