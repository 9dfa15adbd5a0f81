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
    gemmGflops: await measureGemm(threads),
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

async function measureGemm(threads: number): Promise<number> {
  const size = 1024
  const model = new OnnxModel()
  const operands = ['a', 'b'].map((name) => model.input(name, 'f32', [size, size]))
  model.node('MatMul', operands, {}, ['y'])
  model.output('y', 'f32', [size, size])
  const operand = { data: new Float32Array(size * size).fill(0.5), dims: [size, size] }
  const seconds = await timeRuns(model, threads, { a: operand, b: operand })
  return (2 * size ** 3) / seconds / 1e9
}

/** The median time of a run, in seconds, after a warm-up. */
async function timeRuns(
  model: OnnxModel,
  threads: number,
  inputs: Readonly<Record<string, { data: Float32Array; dims: number[] }>>,
): Promise<number> {
  const ort = await loadOnnxRuntime()
  const session = await createSession(ort, model, { threads, executionProviders: ['cpu'] })
  try {
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { data, dims }]) => [name, new ort.Tensor('float32', data, dims)]),
    )
    const times: number[] = []
    for (let i = 0; i < 12; i++) {
      const from = performance.now()
      await session.run(feeds)
      if (i >= 3) times.push((performance.now() - from) / 1000)
    }
    return times.sort((a, b) => a - b)[times.length >> 1]
  } finally {
    await session.release()
  }
}
