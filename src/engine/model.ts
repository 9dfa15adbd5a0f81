import { Worker } from 'node:worker_threads'
import { PacelineError } from '../errors.ts'
import { type Generation, GenerationChannel } from './generation.ts'
import type { FromEngine, LoadSettings, ModelInfo, SentError, ToEngine } from './protocol.ts'
import type { GenerateRequest, Prompt } from './request.ts'

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
  /** Ends all generations and frees the model. */
  dispose(): Promise<void>
}

/**
 * Loads a Llama-family model folder (config.json, tokenizer.json, *.safetensors).
 * Throws code `file`, `format`, `checkpoint` or `unsupported`, with what is wrong in which file.
 */
export async function loadModel(
  folder: string,
  { onProgress, signal, ...settings }: LoadModelOptions = {},
): Promise<Model> {
  signal?.throwIfAborted()
  const worker = new Worker(new URL('./worker.js', import.meta.url))
  const stopLoading = () => void worker.terminate()
  signal?.addEventListener('abort', stopLoading)
  try {
    const info = await loaded(worker, { type: 'load', folder, settings }, onProgress)
    return new WorkerModel(worker, info)
  } catch (error) {
    await worker.terminate()
    throw signal?.aborted ? signal.reason : error
  } finally {
    signal?.removeEventListener('abort', stopLoading)
  }
}

function loaded(worker: Worker, request: ToEngine, onProgress?: (share: number) => void): Promise<ModelInfo> {
  return new Promise((resolve, reject) => {
    const exited = () => reject(ended())
    const receive = (message: FromEngine) => {
      if (message.type === 'progress') return onProgress?.(message.share)
      worker.off('message', receive).off('error', reject).off('exit', exited)
      if (message.type === 'loaded') resolve(message.info)
      else if (message.type === 'failed') reject(received(message.error))
    }
    worker.on('message', receive).on('error', reject).on('exit', exited)
    worker.postMessage(request)
  })
}

class WorkerModel implements Model {
  readonly info: ModelInfo
  readonly #worker: Worker
  readonly #running = new Map<number, { channel: GenerationChannel; stop: () => void }>()
  #nextId = 0
  #exited = false

  constructor(worker: Worker, info: ModelInfo) {
    this.info = info
    this.#worker = worker
    worker.on('message', (message: FromEngine) => this.#receive(message))
    worker.on('error', (error) => this.#failAll(error))
    worker.on('exit', () => {
      this.#exited = true
      this.#failAll(ended())
    })
  }

  generate(prompt: Prompt, { signal, ...request }: GenerateOptions = {}): Generation {
    const flag = new Int32Array(new SharedArrayBuffer(4))
    const stop = () => void Atomics.store(flag, 0, 1)
    const channel = new GenerationChannel(stop, signal)
    if (this.#exited) {
      channel.fail(ended())
      return channel
    }
    const id = this.#nextId++
    this.#running.set(id, { channel, stop })
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, { once: true })
    channel
      .result()
      .finally(() => signal?.removeEventListener('abort', stop))
      .catch(() => {})
    this.#send({ type: 'generate', id, prompt, request, stop: flag.buffer as SharedArrayBuffer })
    return channel
  }

  async dispose(): Promise<void> {
    if (this.#exited) return
    for (const { stop } of this.#running.values()) stop()
    const exit = new Promise((resolve) => this.#worker.once('exit', resolve))
    this.#send({ type: 'dispose' })
    await exit
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  #send(message: ToEngine): void {
    this.#worker.postMessage(message)
  }

  #receive(message: FromEngine): void {
    if (message.type === 'progress' || message.type === 'loaded' || message.id === undefined) return
    const { channel } = this.#running.get(message.id)!
    if (message.type !== 'pieces') this.#running.delete(message.id)
    if (message.type === 'pieces') channel.push(message.pieces)
    else if (message.type === 'finished') channel.finish(message.result)
    else channel.fail(received(message.error))
  }

  #failAll(error: unknown): void {
    for (const { channel } of this.#running.values()) channel.fail(error)
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
