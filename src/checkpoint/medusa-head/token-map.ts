import { PacelineError } from '../../errors.ts'
import { type Tensor, type TensorSource, tensor } from '../../tensor/index.ts'
import { validateShape } from '../validate.ts'
import type { MedusaSpec } from './spec.ts'
import { tokenMapName } from './tensors.ts'

/**
 * The target's tokens [draftVocab] that the heads' stand for, from the tensor `token_map`, in the order of its rows;
 * `undefined` where the heads know all of them. Throws code `checkpoint` where the tensor is missing, of another shape or
 * names no tokens, `unsupported` for another element type.
 */
export async function readTokenMap(
  { draftVocabSize, vocabSize }: MedusaSpec,
  source: TensorSource,
  configFile: string,
): Promise<Int32Array | undefined> {
  if (draftVocabSize === vocabSize) return undefined
  const info = source.infos.get(tokenMapName)
  if (info === undefined)
    throw new PacelineError(
      'checkpoint',
      `${[...source.infos.values()][0].file}: there is no tensor "${tokenMapName}", expected [${draftVocabSize}] ids, for ` +
        `${configFile} says that the heads know ${draftVocabSize} of ${vocabSize} tokens (truncated_vocab_size, vocab_size).`,
    )
  const dimension = { size: draftVocabSize, field: 'truncated_vocab_size' }
  validateShape({ name: tokenMapName, dimensions: [dimension] }, info, configFile)
  const where = `${info.file}: tensor "${tokenMapName}"`
  if (info.dtype !== 'i64' && info.dtype !== 'i32')
    throw new PacelineError('unsupported', `${where} is ${info.dtype ?? 'of another type'}, expected i64.`)
  const ids = Int32Array.from((await source.read(tokenMapName)).data as ArrayLike<number | bigint>, Number)
  requireTokens(ids, vocabSize, (problem) => new PacelineError('checkpoint', `${where}: ${problem}`))
  return ids
}

export function tokenMapTensor(targetIds: Int32Array): Tensor {
  return tensor('i64', [targetIds.length], BigInt64Array.from(targetIds, BigInt))
}

/** Throws code `argument` unless ids are given exactly where the heads have a vocabulary of their own. */
export function requireTokenMap({ draftVocabSize, vocabSize }: MedusaSpec, targetIds: Int32Array | undefined): void {
  const wrong = (problem: string) => new PacelineError('argument', `targetIds: ${problem}`)
  const expected = draftVocabSize === vocabSize ? undefined : draftVocabSize
  if (targetIds?.length !== expected)
    throw wrong(
      `${targetIds === undefined ? 'none are' : `${targetIds.length} are`} given, ` +
        `expected ${expected ?? 'none'} for heads that know ${draftVocabSize} of ${vocabSize} tokens.`,
    )
  if (targetIds !== undefined) requireTokens(targetIds, vocabSize, wrong)
}

function requireTokens(ids: Int32Array, vocabSize: number, wrong: (problem: string) => PacelineError): void {
  const seen = new Set<number>()
  for (const [row, id] of ids.entries()) {
    if (id < 0 || id >= vocabSize || seen.has(id))
      throw wrong(
        `element ${row} is ${id}${seen.has(id) ? ', which is there before' : ''}; expected different ids below ${vocabSize} (vocab_size).`,
      )
    seen.add(id)
  }
}
