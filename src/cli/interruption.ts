import { constants } from 'node:os'

export interface Interruption extends Disposable {
  /** Aborts at the first SIGINT (Ctrl-C) or SIGTERM, and when stdout can no longer be written to. */
  readonly signal: AbortSignal
  readonly stdoutFailed: boolean
}

/**
 * Lets work end in good order. The first signal also sets the exit code; from then on signals kill as usual, so the
 * second one ends the process at once. So does the first, before this is called and after it is disposed of.
 */
export function interruption(): Interruption {
  const controller = new AbortController()
  let stdoutFailed = false
  const interrupt = (name: 'SIGINT' | 'SIGTERM') => {
    process.exitCode = 128 + constants.signals[name]
    release()
    controller.abort()
  }
  const fail = () => {
    stdoutFailed = true
    controller.abort()
  }
  const release = () => {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    process.stdout.off('error', fail)
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  process.stdout.on('error', fail)
  return {
    signal: controller.signal,
    get stdoutFailed() {
      return stdoutFailed
    },
    [Symbol.dispose]: release,
  }
}
