import { Worker } from 'node:worker_threads'
import type { ToEngine } from './protocol.ts'
import { SharedFlag } from './shared-flag.ts'

/** What the engine's thread is given when it starts. */
export interface ThreadFlags {
  /** Raised to end whatever the thread does: a generation before its next pass, loading before the next weight. */
  readonly closing: SharedArrayBuffer
  /** Up while the thread works, and may be inside ONNX Runtime. */
  readonly busy: SharedArrayBuffer
}

/**
 * The engine's thread, as the application's thread sees it. It is never ended from outside: ONNX Runtime takes the whole
 * process down when its thread is ended within one of its calls.
 */
export class EngineThread {
  readonly worker: Worker
  readonly closing = new SharedFlag()
  readonly #exited: Promise<void>

  constructor() {
    const busy = new SharedFlag()
    // Until the thread has answered its first request.
    busy.raise()
    const workerData: ThreadFlags = { closing: this.closing.buffer, busy: busy.buffer }
    // How the application was started (`--input-type`, loaders) is not how this thread starts.
    this.worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, execArgv: [] })
    const forget = haltBeforeExit(() => {
      this.closing.raise()
      busy.waitUntilLowered(longestHaltMs)
    })
    this.#exited = new Promise((resolve) => {
      this.worker.once('exit', () => {
        forget()
        resolve()
      })
    })
  }

  send(message: ToEngine): void {
    this.worker.postMessage(message)
  }

  /** Ends what the thread does, then the thread. */
  close(): Promise<void> {
    this.closing.raise()
    this.send({ type: 'dispose' })
    return this.#exited
  }
}

/** A pass ends long before; a process that must exit should not wait for more. */
const longestHaltMs = 10_000

const halts = new Set<() => void>()
const haltAll = () => {
  for (const halt of halts) halt()
}

/** A process that exits ends its threads wherever they are; `halt` is called before that, until the result is. */
function haltBeforeExit(halt: () => void): () => void {
  if (halts.size === 0) process.on('exit', haltAll)
  halts.add(halt)
  return () => {
    halts.delete(halt)
    if (halts.size === 0) process.off('exit', haltAll)
  }
}
