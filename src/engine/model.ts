import { resolve } from 'node:path'
import { openTextCodec, type TextCodec } from '../checkpoint/index.ts'
import { PacelineError } from '../errors.ts'
import { type Generation, GenerationChannel } from './generation.ts'
import { once } from './once.ts'
import type { FromEngine, LoadSettings, ModelInfo, SentError, ToEngine } from './protocol.ts'
import type { GenerateRequest, Prompt } from './request.ts'
import { SharedFlag } from './shared-flag.ts'
import { EngineThread } from './thread.ts'

export interface LoadModelOptions extends LoadSettings {
  /** Called while weights are read: the share done, from 0 to 1. */
  readonly onProgress?: (share: number) => void
  /** Stops loading; the reason is thrown. */
  readonly signal?: AbortSignal
}

export interface GenerateOptions extends GenerateRequest {
  /** Stops the generation before its next pass. */
  readonly signal?: AbortSignal
}

/** A loaded model. It runs in a thread of its own and takes one generation at a time; others wait their turn. */
export interface Model extends AsyncDisposable {
  readonly info: ModelInfo
  /**
   * Starts to generate. The text is the one plain decoding of the model gives, whatever the drafter.
   * Errors (code `argument`, `context`, `unsupported` ...) are thrown where the generation is read.
   */
  generate(prompt: Prompt, options?: GenerateOptions): Generation
  /**
   * The model's tokenizer and chat template: to count tokens, to make `{ ids }` and the keys of `logitBias`. It is opened
   * at the first call, in the caller's thread.
   */
  tokenizer(): Promise<TextCodec>
  /** Ends all generations and frees the model. */
  dispose(): Promise<void>
}

/**
 * Loads a Llama-family model folder (config.json, tokenizer.json and weights).
 * Throws code `file`, `format`, `checkpoint` or `unsupported`, with what is wrong in which file; `argument` for settings
 * out of range.
 */
export async function loadModel(
  folder: string,
  { onProgress, signal, ...settings }: LoadModelOptions = {},
): Promise<Model> {
  signal?.throwIfAborted()
  const thread = new EngineThread()
  const stop = () => thread.closing.raise()
  signal?.addEventListener('abort', stop)
  try {
    const info = await loaded(thread, { type: 'load', folder, settings }, onProgress)
    signal?.throwIfAborted()
    return new ThreadModel(thread, info, resolve(folder))
  } catch (error) {
    await thread.close()
    throw signal?.aborted ? signal.reason : error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

function loaded(thread: EngineThread, request: ToEngine, onProgress?: (share: number) => void): Promise<ModelInfo> {
  return new Promise((resolve, reject) => {
    const receive = (message: FromEngine) => {
      if (message.type === 'progress') return onProgress?.(message.share)
      thread.worker.off('message', receive)
      if (message.type === 'loaded') resolve(message.info)
      else if (message.type === 'failed') reject(received(message.error))
    }
    thread.worker.on('message', receive)
    thread.worker.on('error', reject)
    thread.worker.on('exit', () => reject(ended()))
    thread.send(request)
  })
}

class ThreadModel implements Model {
  readonly info: ModelInfo
  readonly #thread: EngineThread
  readonly tokenizer: () => Promise<TextCodec>
  readonly #running = new Map<number, GenerationChannel>()
  #nextId = 0
  #exited = false

  constructor(thread: EngineThread, info: ModelInfo, folder: string) {
    this.info = info
    this.#thread = thread
    this.tokenizer = once(() => openTextCodec(folder, info.vocabSize))
    thread.worker.on('message', (message: FromEngine) => this.#receive(message))
    thread.worker.on('error', (error) => this.#failAll(error))
    thread.worker.on('exit', () => {
      this.#exited = true
      this.#failAll(ended())
    })
  }

  generate(prompt: Prompt, { signal, ...request }: GenerateOptions = {}): Generation {
    const flag = new SharedFlag()
    const stop = () => flag.raise()
    const channel = new GenerationChannel(stop, signal)
    if (this.#exited) {
      channel.fail(ended())
      return channel
    }
    const id = this.#nextId++
    this.#running.set(id, channel)
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, { once: true })
    channel
      .result()
      .finally(() => signal?.removeEventListener('abort', stop))
      .catch(() => {})
    try {
      this.#thread.send({ type: 'generate', id, prompt, request, stop: flag.buffer })
    } catch (cause) {
      this.#running.delete(id)
      channel.fail(
        new PacelineError('argument', 'prompt and options cross to another thread: they must be plain data', { cause }),
      )
    }
    return channel
  }

  async dispose(): Promise<void> {
    if (!this.#exited) await this.#thread.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  #receive(message: FromEngine): void {
    if (message.type === 'progress' || message.type === 'loaded' || message.id === undefined) return
    const channel = this.#running.get(message.id)!
    if (message.type !== 'pieces') this.#running.delete(message.id)
    if (message.type === 'pieces') channel.push(message.pieces)
    else if (message.type === 'finished') channel.finish(message.result)
    else channel.fail(received(message.error))
  }

  #failAll(error: unknown): void {
    for (const channel of this.#running.values()) channel.fail(error)
    this.#running.clear()
  }
}

function received({ code, message, stack }: SentError): PacelineError {
  const error = new PacelineError(code, message)
  if (stack) error.stack = stack
  return error
}

function ended(): PacelineError {
  return new PacelineError('runtime', 'the model has been disposed of, or its thread has ended')
}
