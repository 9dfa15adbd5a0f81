import type { Dtype } from '../checkpoint/index.ts'
import type { ErrorCode } from '../errors.ts'
import type { ExecutorOptions } from '../runtime/index.ts'
import type { GenerateRequest, GenerationResult, Piece, Prompt } from './request.ts'

/** How a model is loaded. All of it crosses the thread boundary. */
export interface LoadSettings extends ExecutorOptions {
  /**
   * f32, int8 or int4 weights; f32 unless given. `int4` keeps what the model's recipe names at 8 bits (attention,
   * unless its paceline.json says otherwise); `int4-pure` keeps nothing.
   */
  readonly dtype?: Dtype
  /** The same of draft models: int8 unless given. It changes how fast a text comes, not the text. */
  readonly draftDtype?: Dtype
}

export interface ModelInfo {
  readonly folder: string
  readonly architecture: string
  readonly dtype: Dtype
  /** `native` or `onnx`. */
  readonly executor: string
  /** The executor in words: its kernels, or why it is not the faster one. */
  readonly executorDetail: string
  readonly parameters: number
  readonly contextLength: number
  readonly vocabSize: number
  /** Bytes of the weights in memory. */
  readonly weightBytes: number
}

/** From the application's thread to the engine's. */
export type ToEngine =
  | { readonly type: 'load'; readonly folder: string; readonly settings: LoadSettings }
  | {
      readonly type: 'generate'
      readonly id: number
      readonly prompt: Prompt
      readonly request: GenerateRequest
      /** A `SharedFlag`, raised to stop this generation. */
      readonly stop: SharedArrayBuffer
    }
  | { readonly type: 'dispose' }

/** From the engine's thread to the application's. */
export type FromEngine =
  | { readonly type: 'progress'; readonly share: number }
  | { readonly type: 'loaded'; readonly info: ModelInfo }
  | { readonly type: 'pieces'; readonly id: number; readonly pieces: readonly Piece[] }
  | { readonly type: 'finished'; readonly id: number; readonly result: GenerationResult }
  /** Without an id: loading failed. */
  | { readonly type: 'failed'; readonly id?: number; readonly error: SentError }

export interface SentError {
  readonly code: ErrorCode
  readonly message: string
  readonly stack?: string
}
