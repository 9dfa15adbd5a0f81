import { PacelineError } from '../../errors.ts'
import { type Tensor, type TensorSource, tensor } from '../../tensor/index.ts'
import { validateShape } from '../validate.ts'
import type { EagleHeadSpec } from './spec.ts'

/*
 * Which tokens of the target a head knows that does not know all, as EAGLE-3 stores it:
 *   d2t  i64 [draftVocab]  token j of the head is token j + d2t[j] of the target: an offset, not an id
 *   t2d  bool [vocab]      whether a token of the target is among them
 * The head's tokens are in the order of the target's.
 */

/**
 * The rising ids of the target's tokens [draftVocab]; `undefined` where the head knows all of them.
 * Throws code `checkpoint` where the tensors are missing, of other shapes, or contradict the configuration or one another,
 * `unsupported` for other element types.
 */
export async function readTargetIds(
  spec: EagleHeadSpec,
  source: TensorSource,
  configFile: string,
): Promise<Int32Array | undefined> {
  const { draftVocabSize, vocabSize } = spec
  const offsets = await readVector(
    source,
    'd2t',
    'i64',
    { size: draftVocabSize, field: 'draft_vocab_size' },
    configFile,
  )
  const known = await readVector(source, 't2d', 'bool', { size: vocabSize, field: 'vocab_size' }, configFile)
  if (offsets === undefined) {
    if (draftVocabSize === vocabSize) return undefined
    throw new PacelineError(
      'checkpoint',
      `${[...source.infos.values()][0].file}: there is no tensor "d2t", expected [${draftVocabSize}] offsets, for ` +
        `${configFile} says that the head knows ${draftVocabSize} of ${vocabSize} tokens (draft_vocab_size, vocab_size).`,
    )
  }
  const ids = toIds(offsets, vocabSize)
  if (known !== undefined) compare(ids, known)
  return draftVocabSize === vocabSize ? undefined : ids
}

/** The tensors that say so, for writing. `targetIds` as `requireTargetIds` wants them. */
export function vocabularyTensors(targetIds: Int32Array, vocabSize: number): Record<string, Tensor> {
  const known = new Uint8Array(vocabSize)
  for (const id of targetIds) known[id] = 1
  const offsets = BigInt64Array.from(targetIds, (id, j) => BigInt(id - j))
  return { d2t: tensor('i64', [targetIds.length], offsets), t2d: tensor('bool', [vocabSize], known) }
}

/** Throws code `argument` unless ids are given exactly where the head has a vocabulary of its own, rising and in range. */
export function requireTargetIds(
  { draftVocabSize, vocabSize }: EagleHeadSpec,
  targetIds: Int32Array | undefined,
): void {
  const expected = draftVocabSize === vocabSize ? undefined : draftVocabSize
  if (targetIds?.length !== expected)
    throw new PacelineError(
      'argument',
      `targetIds: ${targetIds === undefined ? 'none are' : `${targetIds.length} are`} given, ` +
        `expected ${expected ?? 'none'} for a head that knows ${draftVocabSize} of ${vocabSize} tokens.`,
    )
  const wrong = targetIds?.findIndex((id, j) => id <= (j === 0 ? -1 : targetIds[j - 1]) || id >= vocabSize) ?? -1
  if (wrong !== -1)
    throw new PacelineError(
      'argument',
      `targetIds: number ${wrong} is ${targetIds![wrong]}, expected ids in rising order, below ${vocabSize}.`,
    )
}

interface Vector {
  readonly where: string
  readonly tensor: Tensor
}

/** `undefined` where there is no such tensor. */
async function readVector(
  source: TensorSource,
  name: string,
  dtype: 'i64' | 'bool',
  dimension: { readonly size: number; readonly field: string },
  configFile: string,
): Promise<Vector | undefined> {
  const info = source.infos.get(name)
  if (info === undefined) return undefined
  validateShape({ name, dimensions: [dimension] }, info, configFile)
  const where = `${info.file}: tensor "${name}"`
  if (info.dtype !== dtype)
    throw new PacelineError('unsupported', `${where} is ${info.dtype ?? 'of another type'}, expected ${dtype}.`)
  return { where, tensor: await source.read(name) }
}

function toIds({ where, tensor: { data } }: Vector, vocabSize: number): Int32Array {
  const offsets = data as BigInt64Array
  const ids = new Int32Array(offsets.length)
  for (let j = 0, before = -1; j < ids.length; j++) {
    const id = BigInt(j) + offsets[j]
    if (id <= BigInt(before) || id >= BigInt(vocabSize))
      throw new PacelineError(
        'checkpoint',
        `${where}: element ${j} is ${offsets[j]}, which makes the head's token ${j} the target's ${id}; expected one ` +
          `above ${before} and below ${vocabSize} (vocab_size). Elements are offsets, in the order of the target's tokens.`,
      )
    ids[j] = before = Number(id)
  }
  return ids
}

function compare(ids: Int32Array, { where, tensor: { data } }: Vector): void {
  let j = 0
  for (let id = 0; id < data.length; id++) {
    const inD2t = ids[j] === id
    if (inD2t) j++
    if (inD2t !== (Number(data[id]) !== 0))
      throw new PacelineError(
        'checkpoint',
        `${where}: element ${id} is ${data[id]}, but "d2t" ${inD2t ? 'has' : 'does not have'} token ${id}.`,
      )
  }
}
