import { type MedusaSpec, medusaTensors } from '../../checkpoint/index.ts'
import { type Tensor, tensor, toFloat32 } from '../../tensor/index.ts'

/**
 * The tensors of heads before training: blocks of zeros and copies of the target's LM head `targetHead`
 * [draftVocab, hidden], so that each begins with what the target says of the next token (Cai et al. 2024, section 2.1).
 */
export function freshHeads(spec: MedusaSpec, targetHead: Tensor): Record<string, Tensor<'f32'>> {
  return Object.fromEntries(
    medusaTensors(spec).map(({ name, part, dimensions }) => {
      const shape = dimensions.map(({ size }) => size)
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1))
      if (part === 'head') data.set(toFloat32(targetHead))
      return [name, tensor('f32', shape, data)] as const
    }),
  )
}
