import { PacelineError } from '../errors.ts'
import type { Executor } from './executor.ts'
import { loadAddon } from './native/addon.ts'
import { nativeExecutor } from './native/executor.ts'
import { onnxExecutor } from './onnx/executor.ts'

/** `auto`: native where it was built, ONNX Runtime elsewhere. */
export const executorNames = ['auto', 'native', 'onnx'] as const
export type ExecutorName = (typeof executorNames)[number]

export interface ExecutorOptions {
  readonly executor?: ExecutorName
  /** Threads inside an operation; all processors unless given. */
  readonly threads?: number
  /** ONNX Runtime execution providers, such as `['webgpu', 'cpu']`; choosing some chooses ONNX Runtime. */
  readonly executionProviders?: readonly string[]
}

/** An executor, and in words what it is, or why it is not the faster one. */
export interface ChosenExecutor {
  readonly executor: Executor
  readonly about: string
}

/** Throws code `argument` for an unknown name, `runtime` when `native` is asked for and not there. */
export function chooseExecutor({
  executor: name = 'auto',
  threads,
  executionProviders,
}: ExecutorOptions = {}): ChosenExecutor {
  if (!executorNames.includes(name))
    throw new PacelineError(
      'argument',
      `executor is ${JSON.stringify(name)}, expected one of ${executorNames.join(', ')}`,
    )
  const onnx = () => onnxExecutor({ ...(threads && { threads }), ...(executionProviders && { executionProviders }) })
  if (name === 'onnx' || (name === 'auto' && executionProviders)) return { executor: onnx(), about: 'ONNX Runtime' }
  const addon = loadAddon()
  if (!('reason' in addon))
    return { executor: nativeExecutor(threads ? { threads } : {}), about: `native, ${addon.isa()} kernels` }
  if (name === 'native') throw new PacelineError('runtime', `the native executor is not available: ${addon.reason}`)
  return { executor: onnx(), about: `ONNX Runtime, since the native executor is not available: ${addon.reason}` }
}
