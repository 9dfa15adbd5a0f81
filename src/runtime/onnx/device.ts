import { availableParallelism, cpus } from 'node:os'
import { OnnxModel } from './model.ts'
import { createSession, loadOnnxRuntime } from './session.ts'

/** How fast this machine reads memory and multiplies: the two limits of every forward pass. */
export interface DeviceProfile {
  readonly processor: string
  readonly threads: number
  /** Bytes per second, in 1e9, at which all processors together read an array much larger than their caches. */
  readonly streamGbPerS: number
  /** Floating-point operations per second, in 1e9, of a large f32 matrix product. */
  readonly gemmGflops: number
}

export async function measureDevice({ threads = availableParallelism() } = {}): Promise<DeviceProfile> {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    threads,
    streamGbPerS: await measureStream(threads),
    gemmGflops: await gemmRate(threads),
  }
}

const mib = 1 << 20

/**
 * Sums rows of 16 KiB over 256 MiB: one addition per number, so memory sets the pace. Measures within a few percent of
 * what a hand-written vector loop reads.
 */
async function measureStream(threads: number): Promise<number> {
  const [rows, columns] = [(256 * mib) / 4 / 4096, 4096]
  const model = new OnnxModel()
  const x = model.input('x', 'f32', [rows, columns])
  model.node('ReduceSum', [x, model.integers(1)], { keepdims: 1 }, ['y'])
  model.output('y', 'f32', [rows, 1])
  const data = new Float32Array(rows * columns).fill(1)
  const seconds = await timeRuns(model, threads, { x: { data, dims: [rows, columns] } })
  return data.byteLength / seconds / 1e9
}

async function gemmRate(threads: number): Promise<number> {
  const gemm = await measureGemm(1024, 1024, 1024, threads)
  try {
    return await gemm.run(9)
  } finally {
    await gemm.dispose()
  }
}

/**
 * A product [rows, inner] x [inner, columns] of f32, both operands inputs, as in training. `run` returns its rate in 1e9
 * operations per second: the median of `count` runs after a warm-up.
 */
export async function measureGemm(rows: number, inner: number, columns: number, threads = availableParallelism()) {
  const model = new OnnxModel()
  const operand = (name: string, dims: number[]) => {
    model.input(name, 'f32', dims)
    return { data: new Float32Array(dims[0] * dims[1]).fill(0.5), dims }
  }
  const inputs = { a: operand('a', [rows, inner]), b: operand('b', [inner, columns]) }
  // The sum keeps the copy of the result out of the measurement.
  model.node('ReduceSum', [model.node('MatMul', ['a', 'b'])], { keepdims: 0 }, ['y'])
  model.output('y', 'f32', [])
  const timed = await openTimed(model, threads, inputs)
  return {
    run: async (count = 5) => (2 * rows * inner * columns) / (await timed.seconds(count)) / 1e9,
    dispose: timed.dispose,
  }
}

async function timeRuns(
  model: OnnxModel,
  threads: number,
  inputs: Readonly<Record<string, { data: Float32Array; dims: number[] }>>,
): Promise<number> {
  const timed = await openTimed(model, threads, inputs)
  try {
    return await timed.seconds(9)
  } finally {
    await timed.dispose()
  }
}

/** `seconds` is the median time of a run, after a warm-up. */
async function openTimed(
  model: OnnxModel,
  threads: number,
  inputs: Readonly<Record<string, { data: Float32Array; dims: number[] }>>,
) {
  const ort = await loadOnnxRuntime()
  const session = await createSession(ort, model, { threads, executionProviders: ['cpu'] })
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, dims }]) => [name, new ort.Tensor('float32', data, dims)]),
  )
  return {
    async seconds(count: number): Promise<number> {
      const times: number[] = []
      for (let i = 0; i < count + 3; i++) {
        const from = performance.now()
        await session.run(feeds)
        if (i >= 3) times.push((performance.now() - from) / 1000)
      }
      return times.sort((a, b) => a - b)[times.length >> 1]
    },
    dispose: () => session.release(),
  }
}
