import { type Tensor, type TensorSource, tensor, toFloat32 } from '../../tensor/index.ts'

/** The rows of a target's LM head [tokens, hidden] that belong to these ids, in their order; all of it unless given. */
export async function targetHead(source: TensorSource, tied: boolean, targetIds?: Int32Array): Promise<Tensor> {
  const whole = await source.read(tied ? 'model.embed_tokens.weight' : 'lm_head.weight')
  if (targetIds === undefined) return whole
  const width = whole.shape[1]
  const values = toFloat32(whole)
  const rows = new Float32Array(targetIds.length * width)
  for (const [row, id] of targetIds.entries()) rows.set(values.subarray(id * width, (id + 1) * width), row * width)
  return tensor('f32', [targetIds.length, width], rows)
}
