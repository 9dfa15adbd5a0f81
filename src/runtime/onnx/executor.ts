import { availableParallelism } from 'node:os'
import type * as Ort from 'onnxruntime-node'
import { PacelineError } from '../../errors.ts'
import type { Graph } from '../../graph/index.ts'
import type { DType, Tensor, TensorSource } from '../../tensor/index.ts'
import { checkBlocks, checkRiders, requireCache } from '../cache-rules.ts'
import type { CompileOptions, Executable, Executor, RowLayout, RunOptions } from '../executor.ts'
import { loadAddon } from '../native/addon.ts'
import { newKeys, newValues } from './attention.ts'
import { FunctionalCache } from './cache.ts'
import { type Feed, Feeds, type RunContext } from './feeds.ts'
import { lower, outputName } from './lowering.ts'
import { OnnxModel, type OnnxType } from './model.ts'
import { productsSaturate } from './saturation.ts'
import { createSession, loadOnnxRuntime, type SessionOptions } from './session.ts'
import { collectGarbage, Slabs } from './slabs.ts'
import { visibilityOf } from './visibility.ts'
import { type PackedWeight, packWeight } from './weights.ts'

export interface OnnxOptions extends Partial<SessionOptions> {
  /**
   * Whether 8-bit activations are multiplied in two halves, as twice as many rows: exact on processors where products of 8 bits saturate,
   * which is found out unless given.
   */
  readonly inHalves?: boolean
}

/** Weights from this size on are worth giving their memory back after loading. */
const largeBytes = 256 << 20

/** Runs graphs with ONNX Runtime (onnxruntime-node), CPU by default. The native library loads at the first `compile`. */
export function onnxExecutor({
  threads = availableParallelism(),
  executionProviders = ['cpu'],
  training = false,
  inHalves,
}: OnnxOptions = {}): Executor {
  return {
    name: 'onnx',
    async compile(graph, source, options = {}) {
      const ort = await loadOnnxRuntime()
      const halved =
        graph.weights.some(({ precision }) => precision === 'int8') && (inHalves ?? (await productsSaturate(ort)))
      const sessionOptions = { threads, executionProviders, training }
      const { session, feeds, weightBytes } = await load(ort, graph, source, options, sessionOptions, halved)
      if (weightBytes > largeBytes) giveBackMemory()
      return new OnnxExecutable(ort, session, graph, feeds, weightBytes)
    },
  }
}

/** What loading has left: slabs in JavaScript, and on glibc what the session freed, which only the addon can hand back. */
function giveBackMemory(): void {
  collectGarbage()
  const addon = loadAddon()
  if (!('reason' in addon)) addon.releaseMemory()
}

/** A session over the packed weights. Nothing that it returns leads back to them: the session has its own copy. */
async function load(
  ort: typeof Ort,
  graph: Graph,
  source: TensorSource,
  options: CompileOptions,
  sessionOptions: SessionOptions,
  inHalves: boolean,
): Promise<{ session: Ort.InferenceSession; feeds: ReadonlyMap<string, Feed>; weightBytes: number }> {
  const packed = await packAll(graph, source, options)
  const weightBytes = [...packed.values()].reduce((sum, weight) => sum + bytesOf(weight), 0)
  const model = new OnnxModel()
  const feeds = new Feeds(model, graph.inputs)
  lower(graph, packed, feeds, model, inHalves)
  return { session: await createSession(ort, model, sessionOptions), feeds: new Map(feeds.entries()), weightBytes }
}

async function packAll(graph: Graph, source: TensorSource, { onProgress, signal }: CompileOptions) {
  const total = graph.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  let done = 0
  const packed = new Map<number, PackedWeight>()
  const slabs = new Slabs()
  for (const weight of graph.weights) {
    const data = await packWeight(weight, source, slabs, (elements) => {
      signal?.throwIfAborted()
      done += elements
      onProgress?.(done, total)
    })
    packed.set(weight.id, data)
  }
  return packed
}

class OnnxExecutable implements Executable {
  readonly weightBytes: number
  readonly #ort: typeof Ort
  readonly #session: Ort.InferenceSession
  readonly #graph: Graph
  readonly #feeds: ReadonlyMap<string, Feed>
  readonly #newRows: readonly string[]

  constructor(
    ort: typeof Ort,
    session: Ort.InferenceSession,
    graph: Graph,
    feeds: ReadonlyMap<string, Feed>,
    weightBytes: number,
  ) {
    this.#ort = ort
    this.#session = session
    this.#graph = graph
    this.#feeds = feeds
    this.weightBytes = weightBytes
    this.#newRows = graph.caches.flatMap((_, l) => [newKeys(l), newValues(l)])
  }

  async run(
    inputs: Readonly<Record<string, Tensor>>,
    { rows, outputs }: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    const names = outputs ?? [...this.#graph.outputs.keys()]
    const cache = rows?.cache as FunctionalCache | undefined
    if (rows && cache) {
      const { parents, held = 0, ridersFrom = parents.length } = rows
      cache.check(parents, held)
      checkRiders(ridersFrom, parents.length)
      cache.hold(held)
    } else if (rows) {
      const { parents, block = parents.length, ridersFrom = block } = rows
      requireCache(this.#graph, rows.held)
      checkBlocks(parents, block)
      checkRiders(ridersFrom, block)
    }
    const feeds = this.#prepare(inputs, rows)
    const results = await this.#session.run(feeds, [...names.map(outputName), ...(cache ? this.#newRows : [])])
    if (rows && cache)
      cache.stage({
        // The caller may write the next pass over this one.
        parents: rows.parents.slice(),
        layers: this.#graph.caches.map((_, l) => ({
          keys: results[newKeys(l)].data as Float32Array,
          values: results[newValues(l)].data as Float32Array,
        })),
      })
    return Object.fromEntries(
      names.map((name) => [name, hostTensor(results[outputName(name)], this.#graph.outputs.get(name)!.dtype)]),
    )
  }

  createCache(capacity: number): FunctionalCache {
    return new FunctionalCache(this.#graph.caches, capacity)
  }

  async dispose(): Promise<void> {
    await this.#session.release()
  }

  #prepare(inputs: Readonly<Record<string, Tensor>>, layout?: RowLayout): Ort.InferenceSession.FeedsType {
    const feeds: Record<string, Ort.Tensor> = {}
    for (const { name, dtype } of this.#graph.inputs) {
      const given = inputs[name]
      if (!given || given.dtype !== dtype)
        throw new PacelineError('argument', `the graph needs an input "${name}" of ${dtype}`)
      if (this.#session.inputNames.includes(name))
        feeds[name] = this.#tensor(dtype as OnnxType, given.shape, given.data)
    }
    const cache = layout?.cache as FunctionalCache | undefined
    const { ridersFrom, block } = layout ?? {}
    const run: RunContext = {
      inputs,
      rows: inputs[this.#graph.inputs[0].name].shape[0],
      ...(cache && { cache }),
      ...(layout && {
        visibility: visibilityOf(layout.parents, cache?.held, ridersFrom ?? block),
        block: block ?? layout.parents.length,
      }),
    }
    for (const [name, { type, make }] of this.#feeds) {
      const { dims, data } = make(run)
      feeds[name] = this.#tensor(type, dims, data)
    }
    return feeds
  }

  #tensor(type: OnnxType, dims: readonly number[], data: Tensor['data']): Ort.Tensor {
    return new this.#ort.Tensor(onnxTypeNames[type] as 'float32', data as Float32Array, dims)
  }
}

const onnxTypeNames: Record<OnnxType, string> = { f32: 'float32', u8: 'uint8', i8: 'int8', i32: 'int32', i64: 'int64' }

const hostTensor = (result: Ort.Tensor, dtype: DType) => ({ dtype, shape: result.dims, data: result.data }) as Tensor

const bytesOf = (weight: PackedWeight) => weight.data.byteLength + ('scales' in weight ? weight.scales.byteLength : 0)
