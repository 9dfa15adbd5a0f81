import type { Dtype, EagleHeadSpec } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import type { Executable, Executor } from '../../runtime/index.ts'
import { type Tensor, type TensorSource, tensor, toFloat32 } from '../../tensor/index.ts'
import { type Embedding, openEmbedding } from '../embedding.ts'
import type { TargetModel } from '../load.ts'
import { columnsName, draftHeadName, eagleGraph, fuseGraph, joinedWidths } from './graph.ts'
import { EagleText } from './text.ts'

/** A head as it lies in its folder, and the target whose embedding and LM head it shares. */
export interface EagleHeadSources {
  readonly spec: EagleHeadSpec
  readonly head: TensorSource
  /** Tokens of the target that the head knows, rising [draftVocab]; all of them unless given. */
  readonly targetIds?: Int32Array
  readonly target: TargetModel
  /** The target's tensors: read for the LM head of an `eagle`. */
  readonly targetSource: TensorSource
}

export interface EagleHeadOptions {
  readonly executor: Executor
  readonly dtype: Dtype
  /** How many of the likeliest tokens a pass tells of. */
  readonly top: number
}

/** A head ready to run. Any number of texts share its weights. */
export interface EagleHeadModel {
  readonly spec: EagleHeadSpec
  /** Tokens it tells of, of those asked for: a head may know fewer. */
  readonly top: number
  readonly weightBytes: number
  /** A new, empty text of at most `capacity` pairs (the head's context unless given). */
  createText(capacity?: number): EagleText
  dispose(): Promise<void>
}

/** Reads the weights of a head and of what it shares with its target. Throws as the executor does. */
export async function loadEagleHead(
  { spec, head, targetIds, target, targetSource }: EagleHeadSources,
  { executor, dtype, top }: EagleHeadOptions,
): Promise<EagleHeadModel> {
  if ((targetIds?.length ?? spec.vocabSize) !== spec.draftVocabSize)
    throw new PacelineError(
      'argument',
      `the head knows ${spec.draftVocabSize} tokens, and ${targetIds?.length ?? 'all'} ids were given for them`,
    )
  const parted = await withColumns(head, 'fc.weight', joinedWidths(spec))
  const source = spec.kind === 'eagle' ? await withTargetHead(parted, target, targetSource, targetIds) : parted
  const layer = await executor.compile(eagleGraph(spec, dtype, top), source)
  const rest = async (): Promise<[Executable | undefined, Embedding]> => [
    spec.kind === 'eagle3' ? await executor.compile(fuseGraph(spec, dtype), source) : undefined,
    head.infos.has('embed_tokens.weight') ? await openEmbedding(head, 'embed_tokens.weight') : target.embedding,
  ]
  const [fuse, embedding] = await rest().catch(async (error) => {
    await layer.dispose()
    throw error
  })
  return {
    spec,
    top: Math.min(top, spec.draftVocabSize),
    weightBytes: layer.weightBytes + (fuse?.weightBytes ?? 0),
    createText: (capacity = spec.contextLength) =>
      new EagleText({ spec, layer, embedding, ...(fuse && { fuse }), ...(targetIds && { targetIds }) }, capacity),
    async dispose() {
      await layer.dispose()
      await fuse?.dispose()
    },
  }
}

/** The head's tensors and those rows of the target's LM head that it uses. */
async function withTargetHead(
  head: TensorSource,
  { spec }: TargetModel,
  source: TensorSource,
  targetIds: Int32Array | undefined,
): Promise<TensorSource> {
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

/** The tensors of a source, and the columns of one of them, so many each time, under their names. In memory: they are few. */
async function withColumns(source: TensorSource, weight: string, widths: readonly number[]): Promise<TensorSource> {
  const whole = await source.read(weight)
  const [rows, columns] = whole.shape
  const values = toFloat32(whole)
  const parts = new Map<string, Tensor<'f32'>>()
  let start = 0
  for (const width of widths) {
    const part = new Float32Array(rows * width)
    for (let row = 0; row < rows; row++)
      part.set(values.subarray(row * columns + start, row * columns + start + width), row * width)
    parts.set(columnsName(weight, start, start + width), tensor('f32', [rows, width], part))
    start += width
  }
  const infos = new Map(source.infos)
  const { file } = source.infos.get(weight)!
  for (const [name, { dtype, shape }] of parts) infos.set(name, { name, dtype, shape, file })
  return {
    infos,
    read: async (name) => parts.get(name) ?? source.read(name),
    async readRows(name, first, end) {
      const part = parts.get(name)
      if (part === undefined) return source.readRows(name, first, end)
      const width = part.shape[1]
      return tensor('f32', [end - first, width], part.data.subarray(first * width, end * width))
    },
    close: async () => {},
  }
}
