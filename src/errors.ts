/** What went wrong, in a word that programs can switch on. Codes are stable across versions. */
export type ErrorCode =
  /** A file or folder cannot be read or written. */
  | 'file'
  /** A file was read and its content breaks the rules of its format. */
  | 'format'
  /** A model's configuration and its tensors disagree, or a field is out of range. */
  | 'checkpoint'
  /** A correct model that this version cannot run (architecture, activation, position encoding ...). */
  | 'unsupported'
  /** An argument of a public function, or a command-line flag, is wrong. */
  | 'argument'
  /** The prompt and the tokens asked for do not fit the model's context. */
  | 'context'
  /** Two shapes, dtypes or graph values do not fit together. */
  | 'shape'
  /** The executor (ONNX Runtime, the native addon, the worker thread) failed. */
  | 'runtime'

const marker = Symbol.for('paceline.error')

/** The base of every error this library throws on purpose: a sentence a user can act on, and a stable `code`. */
export class PacelineError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PacelineError'
    this.code = code
    Object.defineProperty(this, marker, { value: true })
  }

  /** True for errors of any copy of this library, also across worker threads' module instances. */
  static isInstance(value: unknown): value is PacelineError {
    return typeof value === 'object' && value !== null && marker in value
  }
}
