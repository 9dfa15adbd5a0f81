import type * as Ort from 'onnxruntime-node'
import { PacelineError } from '../../errors.ts'
import type { OnnxModel } from './model.ts'

export interface SessionOptions {
  /** Threads inside an operation; all processors unless given. */
  readonly threads: number
  /** Passed through to ONNX Runtime, e.g. `['webgpu', 'cpu']`. */
  readonly executionProviders: readonly string[]
  /** For graphs with large results between operations, run again and again: memory stays with the session for reuse. */
  readonly training?: boolean
}

/** Loads the native library at the first call; never at import. */
export async function loadOnnxRuntime(): Promise<typeof Ort> {
  try {
    return (await import('onnxruntime-node')).default as typeof Ort
  } catch (cause) {
    throw new PacelineError('runtime', 'onnxruntime-node cannot be loaded on this platform; is it installed?', {
      cause,
    })
  }
}

/** Throws code `runtime` with ONNX Runtime's own words when it does not take the model. */
export async function createSession(
  ort: typeof Ort,
  model: OnnxModel,
  options: SessionOptions,
): Promise<Ort.InferenceSession> {
  const bytes = model.finish()
  try {
    return await ort.InferenceSession.create(bytes.model, {
      externalData: bytes.externalData,
      intraOpNumThreads: options.threads,
      executionProviders: [...options.executionProviders] as Ort.InferenceSession.ExecutionProviderConfig[],
      logSeverityLevel: 3,
      // The arena keeps what packing the weights frees; without it that memory goes back to the system.
      enableCpuMemArena: options.training ?? false,
      // A pattern is one block for all results of a run, beside what the arena holds already: twice the memory.
      enableMemPattern: !options.training,
      // Trunk and head are two sessions on the same processors: one must not spin while the other works.
      extra: { session: { force_spinning_stop: '1' } },
    })
  } catch (cause) {
    throw new PacelineError('runtime', `ONNX Runtime refused the model: ${(cause as Error).message}`, { cause })
  }
}
