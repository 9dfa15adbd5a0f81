import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { parseJsonLine } from './json-line.ts'

/** One document of training text, as a line of a JSONL file holds it. Line ends are "\n". */
export type Example = { readonly task: string } & (
  | {
      readonly prompt: string
      readonly response: string
      /** The response was cut off: no end is to be learned from it. */
      readonly unfinished?: true
    }
  | { readonly text: string }
)

const expected = 'expected one JSON object { "prompt": string, "response": string } or { "text": string } a line'

/**
 * The documents of JSONL files, one after the other, without holding a file in memory. A line without `task` is of the
 * task named like its file; `"finish": "length"` says that the response was cut off. Other fields are ignored, and so are
 * blank lines.
 * Throws code `file` for a file that cannot be read, `format` with file and line for one that breaks the format.
 */
export async function* readExamples(files: readonly string[]): AsyncGenerator<Example> {
  for (const file of files) {
    const task = basename(file).replace(/\.jsonl?$/, '')
    let line = 0
    for await (const text of linesOf(file)) {
      line++
      if (text.trim() !== '') yield parseExample(text, task, `${file}, line ${line}`)
    }
  }
}

function parseExample(line: string, defaultTask: string, where: string): Example {
  const { task = defaultTask, prompt, response, finish, text } = parseJsonLine(line, where, expected)
  if (typeof task !== 'string' || task === '')
    throw new PacelineError('format', `${where}: "task" is ${JSON.stringify(task)}, expected a name or no such field.`)
  if (text !== undefined && (prompt !== undefined || response !== undefined))
    throw new PacelineError('format', `${where}: "text" and another text together; ${expected}.`)
  for (const [field, content] of Object.entries(text === undefined ? { prompt, response } : { text }))
    if (typeof content !== 'string')
      throw new PacelineError('format', `${where}: "${field}" is ${JSON.stringify(content) ?? 'missing'}; ${expected}.`)
  if (text !== undefined) return { task, text: withLineFeeds(text as string) }
  const conversation = { task, prompt: withLineFeeds(prompt as string), response: withLineFeeds(response as string) }
  return finish === 'length' ? { ...conversation, unfinished: true } : conversation
}

function withLineFeeds(text: string): string {
  return text.replace(/\r\n?/g, '\n')
}

/** Lines end with a line feed alone: U+2028, at which `readline` breaks too, may stand within a JSON string. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  let line = 1
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) {
      const lines = (rest + utf8.decode(chunk as Uint8Array, { stream: true })).split('\n')
      rest = lines.pop()!
      for (const text of lines) {
        yield text
        line++
      }
    }
    rest += utf8.decode()
  } catch (cause) {
    if (cause instanceof TypeError && 'code' in cause && cause.code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw new PacelineError('format', `${file}, at line ${line} or after: not UTF-8; ${expected}.`, { cause })
    if (cause instanceof Error && 'syscall' in cause)
      throw new PacelineError('file', `${file}: cannot be read: ${cause.message}`, { cause })
    throw cause
  }
  if (rest !== '') yield rest
}
