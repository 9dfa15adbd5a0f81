import { createHash } from 'node:crypto'
import { type Example, readExamples } from './examples.ts'

export type SplitName = 'train' | 'validation'

/** What became of the documents read. */
export interface Census {
  read: number
  /** With nothing but space for prompt, response or text. */
  empty: number
  /** With the prompt and response, or the text, of one before. */
  duplicate: number
  /** With a special token written out: the tokenizer would take it for the real one. */
  special: number
}

export interface Selection {
  /** Share of documents for validation, 0 to 1. */
  readonly validation: number
  readonly seed: number
  /** See `groupOf`. */
  readonly groupBefore?: string
  /** Special tokens of the tokenizer. */
  readonly special: readonly string[]
}

/**
 * The documents worth training on, each with its split. The split follows from the seed and the group of the prompt (or
 * text) alone: more files move no document to the other side, and all responses to one prompt are on the same. `census`
 * is counted up along the way.
 */
export async function* selectDocuments(
  files: readonly string[],
  { validation, seed, groupBefore, special }: Selection,
  census: Census = { read: 0, empty: 0, duplicate: 0, special: 0 },
): AsyncGenerator<{ readonly example: Example; readonly split: SplitName }> {
  const seen = new Set<string>()
  for await (const example of readExamples(files)) {
    census.read++
    const parts = partsOf(example)
    if (parts.some((part) => part.trim() === '')) census.empty++
    else if (special.some((token) => parts.some((part) => part.includes(token)))) census.special++
    else {
      const identity = hash(JSON.stringify(parts)).toString('base64')
      if (seen.has(identity)) census.duplicate++
      else {
        seen.add(identity)
        yield { example, split: splitOf(groupOf(parts[0], groupBefore), { validation, seed }) }
      }
    }
  }
}

/** The side of what belongs together, such as all responses to one prompt: it follows from the seed and this text alone. */
export function splitOf(group: string, { validation, seed }: Pick<Selection, 'validation' | 'seed'>): SplitName {
  return hash(`${seed}\n${group}`).readUInt32LE(0) / 2 ** 32 < validation ? 'validation' : 'train'
}

/**
 * What documents that must not be divided between the splits have in common: of a prompt the lines before the last one
 * that begins with `before`, such as the passage that several questions are about. Without such a line, or with nothing
 * before it, the whole prompt.
 */
export function groupOf(prompt: string, before: string | undefined): string {
  const at = before === undefined ? -1 : prompt.lastIndexOf(`\n${before}`)
  return at > 0 ? prompt.slice(0, at) : prompt
}

/** Prompt and response, or the text alone. */
export function partsOf(example: Example): string[] {
  return 'text' in example ? [example.text] : [example.prompt, example.response]
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, 16)
}
