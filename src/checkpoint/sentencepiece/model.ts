import { protobufFields } from '../../protobuf/index.ts'
import { refuseLfsPointer } from '../../tensor/index.ts'

export type PieceType = 'normal' | 'unknown' | 'control' | 'user-defined' | 'unused' | 'byte'

export interface Piece {
  readonly text: string
  /** Of two pieces that could be merged, the one with the higher score is. */
  readonly score: number
  readonly type: PieceType
}

/** What is read of a SentencePiece model: pieces in the order of their ids, and how text is prepared for them. */
export interface SentencePieceModel {
  readonly pieces: readonly Piece[]
  readonly algorithm: 'unigram' | 'bpe' | 'word' | 'char'
  readonly bosId: number
  readonly eosId: number
  /** Rules that replace characters before anything else, of so many bytes. */
  readonly charsMapBytes: number
  /** A space comes before every text. */
  readonly addDummyPrefix: boolean
  readonly removeExtraWhitespaces: boolean
  /** Spaces are written as ▁. */
  readonly escapesWhitespaces: boolean
  /** They end a piece, and do not begin it. */
  readonly whitespaceIsSuffix: boolean
}

const types: readonly PieceType[] = ['normal', 'unknown', 'control', 'user-defined', 'unused', 'byte']
const algorithms = ['unigram', 'bpe', 'word', 'char'] as const

/**
 * Reads a `tokenizer.model`: the message ModelProto of sentencepiece_model.proto. Throws code `format` where the bytes are none.
 */
export function parseSentencePiece(bytes: Uint8Array, file: string): SentencePieceModel {
  refuseLfsPointer(bytes.subarray(0, 64), file)
  const pieces: Piece[] = []
  const model = {
    algorithm: algorithms[0] as SentencePieceModel['algorithm'],
    ...{ bosId: 1, eosId: 2 },
    ...{ charsMapBytes: 0, addDummyPrefix: true, removeExtraWhitespaces: true },
    ...{ escapesWhitespaces: true, whitespaceIsSuffix: false },
  }
  for (const field of protobufFields(bytes, file)) {
    if (field.number === 1) pieces.push(parsePiece(field.bytes(), file))
    else if (field.number === 2)
      for (const spec of protobufFields(field.bytes(), file)) {
        if (spec.number === 3) model.algorithm = algorithms[spec.int() - 1]
        else if (spec.number === 24) model.whitespaceIsSuffix = spec.int() !== 0
        else if (spec.number === 41) model.bosId = spec.int()
        else if (spec.number === 42) model.eosId = spec.int()
      }
    else if (field.number === 3)
      for (const spec of protobufFields(field.bytes(), file)) {
        if (spec.number === 2) model.charsMapBytes = spec.bytes().length
        else if (spec.number === 3) model.addDummyPrefix = spec.int() !== 0
        else if (spec.number === 4) model.removeExtraWhitespaces = spec.int() !== 0
        else if (spec.number === 5) model.escapesWhitespaces = spec.int() !== 0
      }
  }
  return { pieces, ...model }
}

function parsePiece(bytes: Uint8Array, file: string): Piece {
  let [text, score, type] = ['', 0, types[0]]
  for (const field of protobufFields(bytes, file)) {
    if (field.number === 1) text = field.string()
    else if (field.number === 2) score = field.float()
    else if (field.number === 3) type = types[field.int() - 1]
  }
  return { text, score, type }
}
