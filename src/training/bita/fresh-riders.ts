import { type BitaSpec, bitaTensors, maskTokensName, prefixName } from '../../checkpoint/index.ts'
import { type Tensor, tensor } from '../../tensor/index.ts'
import { freshTensor } from '../initialise.ts'

/** Keys and values of a model's own are about 1: a prefix of the usual 0.02 would take long to be seen. */
const prefixScale = 25

export interface FreshRidersOptions {
  /** Of the target's tokens [vocab, hidden]. */
  readonly embeddings: Float32Array
  /** How often each of them stands in the text [vocab]. */
  readonly counts: ArrayLike<number>
  readonly seed: number
}

/**
 * The tensors before training. All masks begin as the mean of the embeddings, each token as often as it stands in the text: a
 * token of which nothing is known. What they are about, and where they stand, tells them apart. The prefix begins as noise of
 * deviation 0.5.
 */
export function freshRiders(
  spec: BitaSpec,
  { embeddings, counts, seed }: FreshRidersOptions,
): Record<string, Tensor<'f32'>> {
  const { hiddenSize, layerCount: layers } = spec
  const masks = new Float32Array(spec.maskCount * hiddenSize)
  let all = 0
  for (let id = 0; id < counts.length; id++) all += counts[id]
  for (let i = 0; i < hiddenSize; i++) {
    let mean = 0
    for (let id = 0; id < counts.length; id++) mean += (counts[id] / all) * embeddings[id * hiddenSize + i]
    for (let at = i; at < masks.length; at += hiddenSize) masks[at] = mean
  }
  const [, { dimensions }] = bitaTensors(spec)
  const shape = dimensions.map(({ size }) => size)
  const prefix = freshTensor(prefixName, shape, { layers, stream: 0, seed })
  return {
    [maskTokensName]: tensor('f32', [spec.maskCount, hiddenSize], masks),
    [prefixName]: tensor(
      'f32',
      prefix.shape,
      prefix.data.map((x) => prefixScale * x),
    ),
  }
}
