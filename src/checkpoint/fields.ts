import { PacelineError } from '../errors.ts'

/**
 * Reads the fields of one JSON object, so that every complaint names the file, the field, its value and what was
 * expected. A field that is absent or null takes the fallback; without a fallback it is required.
 * Throws code `format` for a missing field or a wrong type, `checkpoint` for a value out of range.
 */
export class Fields {
  readonly file: string
  readonly #values: Readonly<Record<string, unknown>>
  readonly #path: string

  constructor(json: unknown, file: string, path = '') {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      const what = path === '' ? 'the file' : path
      throw new PacelineError('format', `${file}: ${what} is ${show(json)}, expected a JSON object.`)
    }
    this.file = file
    this.#values = json as Record<string, unknown>
    this.#path = path === '' ? '' : `${path}.`
  }

  /** The value as it stands; `undefined` when the field is absent. */
  raw(name: string): unknown {
    return this.#values[name]
  }

  names(): string[] {
    return Object.keys(this.#values)
  }

  integer(name: string, min: number, max: number, fallback?: number): number {
    const accepts = (value: number) => Number.isInteger(value) && value >= min && value <= max
    return this.number(name, `an integer ${min} .. ${max}`, accepts, fallback)
  }

  number(name: string, expected: string, accepts: (value: number) => boolean, fallback?: number): number {
    const value = this.raw(name) ?? fallback
    if (typeof value !== 'number') throw this.wrong(name, expected, 'format')
    if (!accepts(value)) throw this.wrong(name, expected)
    return value
  }

  positive(name: string, fallback?: number): number {
    return this.number(name, 'a number above 0', (value) => value > 0 && value < Infinity, fallback)
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.raw(name) ?? fallback
    if (typeof value !== 'boolean') throw this.wrong(name, 'true or false', 'format')
    return value
  }

  string(name: string, fallback?: string): string {
    const value = this.raw(name) ?? fallback
    if (typeof value !== 'string') throw this.wrong(name, 'a string', 'format')
    return value
  }

  /** The fields of a nested object; `null` when the field is absent or null. */
  object(name: string): Fields | null {
    const value = this.raw(name) ?? null
    return value === null ? null : new Fields(value, this.file, this.#path + name)
  }

  /** An error about a field: what it is, and what was expected instead. */
  wrong(name: string, expected: string, code: 'format' | 'checkpoint' | 'unsupported' = 'checkpoint'): PacelineError {
    const value = this.raw(name) ?? undefined
    const found = value === undefined ? 'is missing' : `is ${show(value)}`
    return new PacelineError(code, `${this.file}: ${this.#path}${name} ${found}, expected ${expected}.`)
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
