import type { Statistics } from '../decoding/index.ts'
import { PacelineError } from '../errors.ts'
import type { GenerationResult, Piece } from './request.ts'

/**
 * A text in the making. It runs whether or not anyone reads along; iterate once to read the pieces as they come.
 * Leaving the iteration early stops the generation. If the signal stops it, the iteration ends by throwing the signal's
 * reason, after the pieces made so far; `result` then holds them, with the finish reason `abort`.
 */
export interface Generation extends AsyncIterable<Piece> {
  result(): Promise<GenerationResult>
  stats(): Promise<Statistics>
  text(): Promise<string>
}

/** The receiving end of a generation: filled by messages, read by the application. */
export class GenerationChannel implements Generation {
  readonly #stop: () => void
  readonly #signal: AbortSignal | undefined
  readonly #pieces: Piece[] = []
  readonly #result: Promise<GenerationResult>
  #settle!: { resolve: (result: GenerationResult) => void; reject: (error: unknown) => void }
  #ended = false
  #wake = () => {}
  #iterated = false

  constructor(stop: () => void, signal: AbortSignal | undefined) {
    this.#stop = stop
    this.#signal = signal
    this.#result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // An error is reported to whoever reads; a generation that nobody reads must not end the process.
    this.#result.catch(() => {})
  }

  push(pieces: readonly Piece[]): void {
    this.#pieces.push(...pieces)
    this.#wake()
  }

  finish(result: GenerationResult): void {
    this.#settle.resolve(result)
    this.#end()
  }

  fail(error: unknown): void {
    this.#settle.reject(error)
    this.#end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Piece, void, undefined> {
    if (this.#iterated) throw new PacelineError('argument', 'a generation can be iterated once')
    this.#iterated = true
    try {
      for (;;) {
        while (this.#pieces.length > 0) yield this.#pieces.shift()!
        if (this.#ended) break
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      if (!this.#ended) this.#stop()
    }
    const { finishReason } = await this.#result
    if (finishReason === 'abort')
      throw this.#signal?.reason ?? new PacelineError('runtime', 'the generation was stopped')
  }

  result(): Promise<GenerationResult> {
    return this.#result
  }

  async stats(): Promise<Statistics> {
    return (await this.#result).stats
  }

  async text(): Promise<string> {
    return (await this.#result).text
  }

  #end(): void {
    this.#ended = true
    this.#wake()
  }
}
