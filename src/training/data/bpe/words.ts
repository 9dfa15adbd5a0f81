/*
 * How a text is cut into words before byte pairs are merged within them. In order:
 *
 *   letters, with one sign or space before them:  " return"  ".append"  "_name"  "(self"
 *   one digit, with a space before it:            " 4" "2"; a number of four digits is always four tokens, so that
 *                                                 a small model can add column by column
 *   signs, with a space before them and the line break and indentation after them:  " =="  "):\n    "
 *   other line breaks with their indentation:     one word, so that a line of Python begins with one token
 *   other space, but the last before a letter
 */
export const wordPattern = [
  '(?: |[^\\s\\p{L}\\p{M}\\p{N}])?[\\p{L}\\p{M}]+',
  ' ?\\p{N}',
  ' ?[^\\s\\p{L}\\p{M}\\p{N}]+(?:[\\r\\n]+[ \\t]*)?',
  '[\\r\\n]+[ \\t]*',
  '[^\\S\\r\\n]+(?!\\S)',
  '\\s',
].join('|')

// tokenizer.json means the White_Space property of Unicode by \s; JavaScript's own \s has U+FEFF and lacks U+0085.
const compiled = new RegExp(
  wordPattern
    .replace('[^\\S\\r\\n]', '(?:(?![\\r\\n])\\s)')
    .replaceAll('\\S', '\\P{White_Space}')
    .replaceAll('\\s', '\\p{White_Space}'),
  'gu',
)

/** The words of a text, in order; joined, they are the text. */
export function wordsOf(text: string): string[] {
  return text.match(compiled) ?? []
}

/** How often each word occurs in all texts added. */
export class WordCounts {
  readonly counts = new Map<string, number>()

  add(text: string): void {
    for (const word of wordsOf(text)) this.counts.set(word, (this.counts.get(word) ?? 0) + 1)
  }
}
