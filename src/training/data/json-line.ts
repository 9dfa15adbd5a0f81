import { PacelineError } from '../../errors.ts'

/** The object of one line of a JSONL file. Throws code `format`, beginning with `where` and ending with what was `expected`. */
export function parseJsonLine(line: string, where: string, expected: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new PacelineError('format', `${where}: not valid JSON: ${(cause as Error).message}; ${expected}.`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PacelineError('format', `${where}: not an object; ${expected}.`)
  return value as Record<string, unknown>
}
