import { type EagleHeadSpec, expectedHeadTensors } from '../../checkpoint/index.ts'
import { type Tensor, toFloat32 } from '../../tensor/index.ts'
import { freshTensor } from '../initialise.ts'

/**
 * The tensors of a head before training: small random numbers, but for what makes it hand on what it is given. The
 * projection of an `eagle` begins with its feature, that of an `eagle3` with the highest tap; an LM head of its own begins
 * as the target's, `targetHead` [draftVocab, targetHidden], where the widths agree.
 */
export function freshHead(spec: EagleHeadSpec, targetHead: Tensor, seed: number): Record<string, Tensor<'f32'>> {
  const { hiddenSize, targetHiddenSize, taps, kind } = spec
  const tensors = Object.fromEntries(
    expectedHeadTensors(spec).map(({ name, dimensions }, index) => {
      const shape = dimensions.map(({ size }) => size)
      return [name, freshTensor(name, shape, { layers: 1, stream: index, seed })] as const
    }),
  )
  const { data } = tensors['fc.weight']
  const width = kind === 'eagle' ? 2 * hiddenSize : taps.length * targetHiddenSize
  const last = width - (kind === 'eagle' ? hiddenSize : targetHiddenSize)
  for (let i = 0; i < Math.min(hiddenSize, width - last); i++) data[i * width + last + i] += 1
  if (kind === 'eagle3' && hiddenSize === targetHiddenSize) tensors['lm_head.weight'].data.set(toFloat32(targetHead))
  return tensors
}
