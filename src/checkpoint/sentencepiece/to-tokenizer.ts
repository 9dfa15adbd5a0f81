import { PacelineError } from '../../errors.ts'
import type { Piece, SentencePieceModel } from './model.ts'
import { type AddedToken, addedToken, type TokenizerSettings } from './settings.ts'

/**
 * The content of the tokenizer.json that stands for a SentencePiece model of the kind that Llama, Mistral and Vicuna have: BPE
 * with bytes for what no piece covers. Throws code `unsupported` for another kind, `format` for a model that is none.
 */
export function sentencePieceTokenizer(model: SentencePieceModel, settings: TokenizerSettings, file: string): object {
  const { pieces } = model
  const { legacy, addPrefixSpace, addBosToken, addEosToken, bosToken, eosToken } = settings
  requireBpe(model, file)
  const prefix = model.addDummyPrefix && addPrefixSpace
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const added = addedTokens(pieces, settings.added)
  const special = (token: string | undefined, id: number, name: string) =>
    specialToken(pieces, added, { token, id, name }, file)
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...added].sort(([a], [b]) => a - b).map(([id, token]) => ({ id, ...token })),
    normalizer: legacy
      ? { type: 'Sequence', normalizers: [...(prefix ? [{ type: 'Prepend', prepend: '▁' }] : []), spaces] }
      : null,
    pre_tokenizer: legacy
      ? null
      : { type: 'Metaspace', replacement: '▁', prepend_scheme: prefix ? 'first' : 'never', split: false },
    post_processor: template(
      addBosToken ? special(bosToken, model.bosId, 'bos') : undefined,
      addEosToken ? special(eosToken, model.eosId, 'eos') : undefined,
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
  const { pieces, algorithm, charsMapBytes, removeExtraWhitespaces, escapesWhitespaces, whitespaceIsSuffix } = model
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
  if (!escapesWhitespaces || whitespaceIsSuffix)
    unsupported('it does not write spaces as ▁ before words (escape_whitespaces, treat_whitespace_as_suffix)')
  const odd = pieces.find(({ type }) => type === undefined || type === 'unused')
  if (odd) unsupported(`its piece "${odd.text}" is of the type ${odd.type ?? 'unknown'}`)
  // It would be looked for in a text whose spaces are none of these any more.
  const spaced = pieces.find(({ type, text }) => type === 'user-defined' && text.includes('▁'))
  if (spaced) unsupported(`its piece "${spaced.text}", which a user defined, has a space`)
}

/** Special pieces, those that a user defined, and what the files beside say, which goes before. By id. */
function addedTokens(pieces: readonly Piece[], added: TokenizerSettings['added']): Map<number, AddedToken> {
  const tokens = new Map<number, AddedToken>()
  for (const [id, { text, type }] of pieces.entries())
    if (type === 'unknown' || type === 'control' || type === 'user-defined')
      tokens.set(id, addedToken(text, type !== 'user-defined'))
  for (const [id, token] of added) tokens.set(id, token)
  return tokens
}

/**
 * "left right", the first to be merged first. SentencePiece merges whatever two neighbours make the piece with the highest
 * score; so every way to cut a piece in two pieces is a merge, by the score of the whole. Where scores are equal, as of pieces that
 * were added to a published model, the order is transformers': the longer left part first, then the longer right one.
 */
function mergesOf(pieces: readonly Piece[]): string[] {
  const normal = pieces.filter(({ type }) => type === 'normal')
  const known = new Set(normal.map(({ text }) => text))
  const merges: { readonly score: number; readonly left: number; readonly right: number; readonly merge: string }[] = []
  for (const { text, score } of normal) {
    const characters = [...text]
    for (let cut = 1; cut < characters.length; cut++) {
      const [left, right] = [characters.slice(0, cut).join(''), characters.slice(cut).join('')]
      if (known.has(left) && known.has(right))
        merges.push({ score, left: cut, right: characters.length - cut, merge: `${left} ${right}` })
    }
  }
  merges.sort((a, b) => b.score - a.score || b.left - a.left || b.right - a.right)
  return merges.map(({ merge }) => merge)
}

interface Special {
  readonly id: number
  readonly token: string
}

/** The token of this text where the files beside name one, else the model's piece with this id. */
function specialToken(
  pieces: readonly Piece[],
  added: ReadonlyMap<number, AddedToken>,
  { token, id, name }: { readonly token: string | undefined; readonly id: number; readonly name: string },
  file: string,
): Special {
  if (token !== undefined) {
    const piece = pieces.findIndex(({ text }) => text === token)
    const found = piece >= 0 ? piece : [...added].find(([, { content }]) => content === token)?.[0]
    if (found !== undefined) return { id: found, token }
    throw new PacelineError(
      'format',
      `tokenizer_config.json: ${name}_token is ${JSON.stringify(token)}, which is no token.`,
    )
  }
  const text = pieces[id]?.text
  if (text !== undefined) return { id, token: text }
  throw new PacelineError(
    'format',
    `${file}: ${name}_id is ${id}, expected one of its ${pieces.length} pieces, for texts are to have it.`,
  )
}

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
