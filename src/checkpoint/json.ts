import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../errors.ts'

/** The text of a file of a model folder; `undefined` when there is no such file. Throws code `file`. */
export async function readText(folder: string, file: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, file), 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new PacelineError('file', `${file}: cannot be read: ${message}`, { cause })
  }
}

/** The content of a JSON file; `undefined` when there is no such file. Throws code `file`, or as `parseJson` does. */
export async function readJson(folder: string, file: string): Promise<unknown> {
  const text = await readText(folder, file)
  return text === undefined ? undefined : parseJson(text, file)
}

/** Throws code `format`, with line and column where the JavaScript engine tells them. */
export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const { message } = cause as SyntaxError
    throw new PacelineError('format', `${file}${locate(text, message)}: not valid JSON: ${message}.`, { cause })
  }
}

function locate(text: string, message: string): string {
  const position = /at position (\d+)/.exec(message)?.[1] ?? (message.includes('end of JSON') ? text.length : undefined)
  if (position === undefined) return ''
  const before = text.slice(0, Number(position)).split('\n')
  return `, line ${before.length}, column ${before[before.length - 1].length + 1}`
}
