import { type BitaSpec, bitaTensors, maskTokensName, prefixName } from '../../checkpoint/index.ts'
import { type Tensor, tensor } from '../../tensor/index.ts'
import { freshTensor } from '../initialise.ts'

/** Keys and values of a model's own are about 1: a prefix of the usual 0.02 would take long to be seen. */
const prefixScale = 25

/**
 * The tensors before training. A mask begins as the mean of all embeddings `embeddings` [vocab, hidden], a token that says
 * nothing, with noise that tells masks apart; the prefix begins as noise of deviation 0.5.
 */
export function freshRiders(spec: BitaSpec, embeddings: Float32Array, seed: number): Record<string, Tensor<'f32'>> {
  const { hiddenSize, layerCount: layers } = spec
  const fresh = Object.fromEntries(
    bitaTensors(spec).map(({ name, dimensions }, stream) => {
      const shape = dimensions.map(({ size }) => size)
      return [name, freshTensor(name, shape, { layers, stream, seed })] as const
    }),
  )
  const prefix = fresh[prefixName]
  const masks = fresh[maskTokensName].data.slice()
  const vocab = embeddings.length / hiddenSize
  for (let i = 0; i < hiddenSize; i++) {
    let mean = 0
    for (let id = 0; id < vocab; id++) mean += embeddings[id * hiddenSize + i] / vocab
    for (let at = i; at < masks.length; at += hiddenSize) masks[at] += mean
  }
  return {
    [maskTokensName]: tensor('f32', [spec.maskCount, hiddenSize], masks),
    [prefixName]: tensor(
      'f32',
      prefix.shape,
      prefix.data.map((x) => prefixScale * x),
    ),
  }
}
