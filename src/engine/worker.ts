import { parentPort, workerData } from 'node:worker_threads'
import { type Checkpoint, describeCheckpoint, dtypes, openCheckpoint } from '../checkpoint/index.ts'
import type { Drafter } from '../decoding/index.ts'
import { forAnyDrafter, readDrafter } from '../drafters/index.ts'
import { PacelineError } from '../errors.ts'
import { loadTargetModel } from '../model/index.ts'
import { chooseExecutor } from '../runtime/index.ts'
import { createDraftingResources, type DraftingResources } from './drafting.ts'
import { generate, type LoadedModel } from './generate.ts'
import type { FromEngine, LoadSettings, ModelInfo, SentError, ToEngine } from './protocol.ts'
import { SharedFlag } from './shared-flag.ts'
import type { ThreadFlags } from './thread.ts'

/*
 * The engine's thread. Kernel calls block it, so it takes one request after another; the application's thread only
 * receives messages and stays free.
 */

const port = parentPort!
const send = (message: FromEngine) => port.postMessage(message)
const flags = workerData as ThreadFlags
const closing = new SharedFlag(flags.closing)
const busy = new SharedFlag(flags.busy)
/** Stays open while the model lives: rows of large embedding tables are read when they are needed. */
let checkpoint: Checkpoint | undefined
let loaded: LoadedModel | undefined
let resources: DraftingResources | undefined
/** By name. They stay, so that a draft model keeps its cache, and a policy what it has learned. */
const drafters = new Map<string, Drafter>()
let turn: Promise<void> = Promise.resolve()

port.on('message', (message: ToEngine) => {
  turn = turn.then(() => handle(message))
})

async function handle(message: ToEngine): Promise<void> {
  const id = message.type === 'generate' ? { id: message.id } : {}
  busy.raise()
  try {
    if (message.type === 'load') await load(message.folder, message.settings)
    else if (message.type === 'generate') await run(message)
    else await dispose()
  } catch (error) {
    send({ type: 'failed', ...id, error: sendable(error) })
  } finally {
    busy.lower()
  }
}

async function load(folder: string, settings: LoadSettings): Promise<void> {
  checkSettings(settings)
  const { dtype = 'f32', draftDtype, ...options } = settings
  const { executor, about } = chooseExecutor(options)
  checkpoint = await openCheckpoint(folder)
  let reported = 0
  const model = await loadTargetModel(checkpoint.spec, checkpoint.source, {
    executor,
    dtype,
    ...forAnyDrafter,
    onProgress(share) {
      if (closing.raised) throw new PacelineError('runtime', 'loading was stopped')
      if (share - reported < 0.01) return
      reported = share
      send({ type: 'progress', share })
    },
  })
  loaded = { checkpoint, model }
  resources = createDraftingResources({ checkpoint, model, executor, ...(draftDtype && { draftDtype }) })
  const info: ModelInfo = {
    folder,
    dtype,
    executor: model.executor,
    executorDetail: about,
    architecture: checkpoint.spec.architecture,
    contextLength: checkpoint.spec.contextLength,
    vocabSize: checkpoint.spec.vocabSize,
    parameters: describeCheckpoint(checkpoint.spec, checkpoint.source).parameters.total,
    weightBytes: model.weightBytes,
  }
  send({ type: 'loaded', info })
}

async function run({ id, prompt, request, stop }: Extract<ToEngine, { type: 'generate' }>): Promise<void> {
  const stopped = new SharedFlag(stop)
  const stopSign = {
    get aborted() {
      return stopped.raised || closing.raised
    },
  }
  const steps = generate(loaded!, await drafterOf(request.drafter ?? 'none'), prompt, request, stopSign)
  for (;;) {
    const { done, value } = await steps.next()
    if (done) return send({ type: 'finished', id, result: value })
    send({ type: 'pieces', id, pieces: value })
  }
}

async function drafterOf(name: string): Promise<Drafter> {
  const drafter = drafters.get(name) ?? (await readDrafter(name)(resources!))
  drafters.set(name, drafter)
  return drafter
}

async function dispose(): Promise<void> {
  try {
    for (const drafter of drafters.values()) await drafter.dispose?.()
    await resources?.dispose()
    await loaded?.model.dispose()
    await checkpoint?.close()
  } finally {
    // Whatever could not be freed goes with the thread, which ends when nobody can send to it.
    port.close()
  }
}

function checkSettings({ dtype = 'f32', draftDtype = 'int8', threads = 1 }: LoadSettings): void {
  for (const [name, value] of Object.entries({ dtype, draftDtype }))
    if (!(dtypes as readonly unknown[]).includes(value))
      throw new PacelineError('argument', `${name} is ${JSON.stringify(value)}, expected one of ${dtypes.join(', ')}`)
  if (!(Number.isInteger(threads) && threads >= 1))
    throw new PacelineError('argument', `threads is ${threads}, expected an integer of at least 1`)
}

function sendable(error: unknown): SentError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return { code: PacelineError.isInstance(error) ? error.code : 'runtime', message, ...(stack && { stack }) }
}
