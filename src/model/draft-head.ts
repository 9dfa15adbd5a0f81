import { type TensorSource, tensor, toFloat32 } from '../tensor/index.ts'
import type { TargetModel } from './load.ts'

/** The LM head of heads that end in their target's: rows of it, under this name. */
export const draftHeadName = 'draft head'

/**
 * `head`'s tensors and those rows of the target's LM head that belong to `targetIds` [draftVocab], in their order; all of
 * them unless given. Closing it closes neither.
 */
export function withTargetHead(
  head: TensorSource,
  { spec }: Pick<TargetModel, 'spec'>,
  source: TensorSource,
  targetIds: Int32Array | undefined,
): TensorSource {
  const name = spec.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight'
  const { dtype, file } = source.infos.get(name)!
  const shape = [targetIds?.length ?? spec.vocabSize, spec.hiddenSize]
  const readRows = async (start: number, end: number) => {
    if (targetIds === undefined) return source.readRows(name, start, end)
    const rows = new Float32Array((end - start) * spec.hiddenSize)
    for (let i = start; i < end; i++)
      rows.set(toFloat32(await source.readRows(name, targetIds[i], targetIds[i] + 1)), (i - start) * spec.hiddenSize)
    return tensor('f32', [end - start, spec.hiddenSize], rows)
  }
  return {
    infos: new Map(head.infos).set(draftHeadName, {
      name: draftHeadName,
      dtype: targetIds === undefined ? dtype : 'f32',
      shape,
      file,
    }),
    read: (asked) => (asked === draftHeadName ? readRows(0, shape[0]) : head.read(asked)),
    readRows: (asked, start, end) =>
      asked === draftHeadName ? readRows(start, end) : head.readRows(asked, start, end),
    close: async () => {},
  }
}
