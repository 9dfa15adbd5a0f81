import { PacelineError } from '../../errors.ts'
import type { Piece, SentencePieceModel } from './model.ts'

/** What the files beside a `tokenizer.model` say of it; transformers' own names and defaults. */
export interface LlamaTokenizerConfig {
  /** true: every part of a text between special tokens begins with a space; false: only the first one. */
  readonly legacy: boolean
  readonly addBosToken: boolean
  readonly addEosToken: boolean
  /** Tokens beside the pieces, or what is to be known of pieces. */
  readonly added: readonly { readonly id: number; readonly content: string; readonly special: boolean }[]
}

/**
 * The content of the tokenizer.json that stands for a SentencePiece model of the kind that Llama, Mistral and Vicuna have: BPE
 * with bytes for what no piece covers. Throws code `unsupported` for another kind, `format` for a model that is none.
 */
export function sentencePieceTokenizer(
  model: SentencePieceModel,
  { legacy, addBosToken, addEosToken, added }: LlamaTokenizerConfig,
  file: string,
): object {
  const { pieces } = model
  requireBpe(model, file)
  const prefix = model.addDummyPrefix
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(pieces, added),
    normalizer: legacy
      ? { type: 'Sequence', normalizers: [...(prefix ? [{ type: 'Prepend', prepend: '▁' }] : []), spaces] }
      : null,
    pre_tokenizer: legacy
      ? null
      : { type: 'Metaspace', replacement: '▁', prepend_scheme: prefix ? 'first' : 'never', split: false },
    post_processor: template(
      addBosToken ? specialPiece(pieces, model.bosId, 'bos_id', file) : undefined,
      addEosToken ? specialPiece(pieces, model.eosId, 'eos_id', file) : undefined,
    ),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: pieces.find(({ type }) => type === 'unknown')!.text,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: pieces.some(({ type }) => type === 'byte'),
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map(({ text }, id) => [text, id])),
      merges: mergesOf(pieces),
    },
  }
}

function requireBpe(model: SentencePieceModel, file: string): void {
  const { pieces, algorithm, charsMapBytes, removeExtraWhitespaces } = model
  const unsupported = (problem: string): never => {
    throw new PacelineError(
      'unsupported',
      `${file}: ${problem}, expected a tokenizer as Llama has it. Have transformers convert it, or take the tokenizer.json of a ` +
        'model that shares it.',
    )
  }
  const unknown = pieces.filter(({ type }) => type === 'unknown').length
  if (unknown !== 1)
    throw new PacelineError(
      'format',
      `${file}: has ${pieces.length} pieces, ${unknown} of them for what is unknown, expected one: not a SentencePiece model.`,
    )
  if (algorithm !== 'bpe') unsupported(`its model_type is ${algorithm ?? 'unknown'}`)
  if (charsMapBytes > 0) unsupported('it replaces characters before it cuts (precompiled_charsmap)')
  if (removeExtraWhitespaces) unsupported('it takes spaces out of texts (remove_extra_whitespaces)')
  const odd = pieces.find(({ type }) => type === undefined || type === 'unused')
  if (odd) unsupported(`its piece "${odd.text}" is of the type ${odd.type ?? 'unknown'}`)
}

/** Special pieces, those that a user defined, and what the files beside say, which goes before. */
function addedTokens(pieces: readonly Piece[], added: LlamaTokenizerConfig['added']): object[] {
  const tokens = new Map<number, { content: string; special: boolean }>()
  for (const [id, { text, type }] of pieces.entries())
    if (type === 'unknown' || type === 'control' || type === 'user-defined')
      tokens.set(id, { content: text, special: type !== 'user-defined' })
  for (const { id, content, special } of added) tokens.set(id, { content, special })
  return [...tokens]
    .sort(([a], [b]) => a - b)
    .map(([id, { content, special }]) => {
      return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }
    })
}

/**
 * "left right", the first to be merged first. SentencePiece merges whatever two neighbours make the piece with the highest
 * score; so every way to cut a piece in two pieces is a merge, by the score of the whole, the longer left part first.
 */
function mergesOf(pieces: readonly Piece[]): string[] {
  const normal = pieces.filter(({ type }) => type === 'normal')
  const known = new Set(normal.map(({ text }) => text))
  const merges: { score: number; merge: string }[] = []
  for (const { text, score } of normal) {
    const characters = [...text]
    for (let cut = characters.length - 1; cut > 0; cut--) {
      const [left, right] = [characters.slice(0, cut).join(''), characters.slice(cut).join('')]
      if (known.has(left) && known.has(right)) merges.push({ score, merge: `${left} ${right}` })
    }
  }
  return merges.sort((a, b) => b.score - a.score).map(({ merge }) => merge)
}

function specialPiece(pieces: readonly Piece[], id: number, field: string, file: string) {
  const piece = pieces.at(id)
  if (id < 0 || piece === undefined)
    throw new PacelineError(
      'format',
      `${file}: ${field} is ${id}, expected one of its ${pieces.length} pieces, for texts are to have it.`,
    )
  return { id, token: piece.text }
}

type Special = ReturnType<typeof specialPiece>

/** What comes before and behind a text. */
function template(begin: Special | undefined, end: Special | undefined): object | null {
  const specials = [begin, end].filter((special) => special !== undefined)
  if (specials.length === 0) return null
  const around = (id: string, typeId: number) => {
    const special = (token: Special | undefined) =>
      token === undefined ? [] : [{ SpecialToken: { id: token.token, type_id: typeId } }]
    return [...special(begin), { Sequence: { id, type_id: typeId } }, ...special(end)]
  }
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      specials.map(({ id, token }) => [token, { id: token, ids: [id], tokens: [token] }]),
    ),
  }
}
