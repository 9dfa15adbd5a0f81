import { type EagleHeadSpec, eagleHeadTensors } from '../../checkpoint/index.ts'
import { type Tensor, toFloat32 } from '../../tensor/index.ts'
import { freshTensor } from '../initialise.ts'

/**
 * The tensors of a head before training: small random numbers; an LM head of its own begins as the target's, `targetHead`
 * [draftVocab, targetHidden], where the widths agree.
 */
export function freshHead(spec: EagleHeadSpec, targetHead: Tensor, seed: number): Record<string, Tensor<'f32'>> {
  const tensors = Object.fromEntries(
    eagleHeadTensors(spec).map(({ name, dimensions }, index) => {
      const shape = dimensions.map(({ size }) => size)
      return [name, freshTensor(name, shape, { layers: 1, stream: index, seed })] as const
    }),
  )
  if (spec.kind === 'eagle3' && spec.hiddenSize === spec.targetHiddenSize)
    tensors['lm_head.weight'].data.set(toFloat32(targetHead))
  return tensors
}
