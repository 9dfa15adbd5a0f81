import { availableParallelism, cpus } from 'node:os'
import { median } from '../../median.ts'
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
    streamGbPerS: await once(measureStream(threads)),
    gemmGflops: await once(measureGemm(1024, 1024, 1024, threads)),
  }
}

/** Something that can be measured again and again, beside what it is compared with. */
export interface Probe {
  /** The median of `count` runs, after a warm-up, in 1e9 per second. */
  run(count?: number): Promise<number>
  dispose(): Promise<void>
}

async function once(opening: Promise<Probe>): Promise<number> {
  const probe = await opening
  try {
    return await probe.run(9)
  } finally {
    await probe.dispose()
  }
}

const mib = 1 << 20

/**
 * Bytes that this machine reads per second: sums rows of 16 KiB over 256 MiB, one addition per number, so memory sets the
 * pace. Measures within a few percent of what a hand-written vector loop reads.
 */
export async function measureStream(threads = availableParallelism()): Promise<Probe> {
  const [rows, columns] = [(256 * mib) / 4 / 4096, 4096]
  const model = new OnnxModel()
  const x = model.input('x', 'f32', [rows, columns])
  model.node('ReduceSum', [x, model.integers(1)], { keepdims: 1 }, ['y'])
  model.output('y', 'f32', [rows, 1])
  const data = new Float32Array(rows * columns).fill(1)
  return openProbe(model, threads, { x: { data, dims: [rows, columns] } }, data.byteLength)
}

/**
 * Operations per second of a product [rows, inner] x [inner, columns] of f32, both operands inputs, as in training.
 */
export async function measureGemm(
  rows: number,
  inner: number,
  columns: number,
  threads = availableParallelism(),
): Promise<Probe> {
  const model = new OnnxModel()
  const operand = (name: string, dims: number[]) => {
    model.input(name, 'f32', dims)
    return { data: new Float32Array(dims[0] * dims[1]).fill(0.5), dims }
  }
  const inputs = { a: operand('a', [rows, inner]), b: operand('b', [inner, columns]) }
  // The sum keeps the copy of the result out of the measurement.
  model.node('ReduceSum', [model.node('MatMul', ['a', 'b'])], { keepdims: 0 }, ['y'])
  model.output('y', 'f32', [])
  return openProbe(model, threads, inputs, 2 * rows * inner * columns)
}

/** A model as a probe; `work` is what one run does. */
async function openProbe(
  model: OnnxModel,
  threads: number,
  inputs: Readonly<Record<string, { data: Float32Array; dims: number[] }>>,
  work: number,
): Promise<Probe> {
  const ort = await loadOnnxRuntime()
  const session = await createSession(ort, model, { threads, executionProviders: ['cpu'] })
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, dims }]) => [name, new ort.Tensor('float32', data, dims)]),
  )
  return {
    async run(count = 5) {
      const times: number[] = []
      for (let i = 0; i < count + 3; i++) {
        const from = performance.now()
        await session.run(feeds)
        if (i >= 3) times.push(performance.now() - from)
      }
      return work / median(times) / 1e6
    },
    dispose: () => session.release(),
  }
}
