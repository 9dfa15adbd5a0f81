import { ProtobufWriter } from '../../protobuf/index.ts'
import type { Piece, PieceType } from './model.ts'

const typeNumbers: Readonly<Record<PieceType, number>> = {
  ...{ normal: 1, unknown: 2, control: 3 },
  ...{ 'user-defined': 4, unused: 5, byte: 6 },
}

export interface ModelFile {
  readonly pieces: readonly Piece[]
  /** trainer_spec.model_type: 2 is BPE. */
  readonly modelType?: number
  readonly charsMap?: Uint8Array
  readonly addDummyPrefix?: boolean
  readonly removeExtraWhitespaces?: boolean
  readonly escapesWhitespaces?: boolean
  readonly whitespaceIsSuffix?: boolean
}

/** The bytes of a SentencePiece model, as its trainer writes them; for tests. */
export function modelFile({
  pieces,
  modelType = 2,
  charsMap = new Uint8Array(),
  addDummyPrefix = true,
  removeExtraWhitespaces = false,
  escapesWhitespaces = true,
  whitespaceIsSuffix = false,
}: ModelFile): Uint8Array {
  const model = new ProtobufWriter()
  for (const { text, score, type } of pieces)
    model.message(1, (piece) => {
      piece.string(1, text)
      piece.float(2, score)
      if (type !== 'normal') piece.int(3, typeNumbers[type])
    })
  model.message(2, (trainer) => {
    trainer.string(1, 'corpus.txt')
    trainer.int(3, modelType)
    trainer.float(10, 0.9995)
    trainer.int(24, Number(whitespaceIsSuffix))
    trainer.int(40, 0)
    trainer.int(41, 1)
    trainer.int(42, 2)
    trainer.int(43, -1)
  })
  model.message(3, (normalizer) => {
    normalizer.string(1, 'identity')
    normalizer.bytes(2, charsMap)
    normalizer.int(3, Number(addDummyPrefix))
    normalizer.int(4, Number(removeExtraWhitespaces))
    normalizer.int(5, Number(escapesWhitespaces))
  })
  return model.finish().slice()
}

const special: readonly Piece[] = [
  { text: '<unk>', score: 0, type: 'unknown' },
  { text: '<s>', score: 0, type: 'control' },
  { text: '</s>', score: 0, type: 'control' },
]

/** Special pieces, the 256 bytes, and these, the first of which is merged first. */
export function llamaPieces(normal: readonly string[]): Piece[] {
  const bytes = Array.from({ length: 256 }, (_, byte): Piece => {
    return { text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, score: 0, type: 'byte' }
  })
  return [...special, ...bytes, ...normal.map((text, i): Piece => ({ text, score: -i, type: 'normal' }))]
}

/**
 * Ids of a text as SentencePiece makes them (bpe_model.cc), by looking through all neighbours each time: of those that
 * make a piece together the pair with the highest score is merged, the leftmost of equals.
 */
export function referenceIds(pieces: readonly Piece[], text: string): number[] {
  const idOf = new Map(pieces.map(({ text }, id) => [text, id]))
  const scoreOf = (symbol: string) => {
    const piece = pieces.at(idOf.get(symbol) ?? pieces.length)
    return piece?.type === 'normal' ? piece.score : Number.NEGATIVE_INFINITY
  }
  const symbols = [...`▁${text.replaceAll(' ', '▁')}`]
  for (;;) {
    let [best, at] = [Number.NEGATIVE_INFINITY, -1]
    for (let i = 0; i + 1 < symbols.length; i++) {
      const score = scoreOf(symbols[i] + symbols[i + 1])
      if (score > best) [best, at] = [score, i]
    }
    if (at < 0) break
    symbols.splice(at, 2, symbols[at] + symbols[at + 1])
  }
  return symbols.flatMap((symbol) => {
    if (scoreOf(symbol) > Number.NEGATIVE_INFINITY) return [idOf.get(symbol)!]
    return Array.from(new TextEncoder().encode(symbol), (byte) => 3 + byte)
  })
}
