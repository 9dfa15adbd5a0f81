import type { Dtype, ModelSpec } from '../checkpoint/index.ts'
import { loadTargetModel, type TargetModel } from '../model/index.ts'
import { type Executor, measureDevice } from '../runtime/index.ts'
import type { TensorSource } from '../tensor/index.ts'

/** Row counts whose time is reported. */
export const profiledRows = [1, 2, 4, 8, 12, 16, 32] as const

/** What a forward pass of T rows costs on this machine, and how near one row comes to the speed of memory. */
export interface Profile {
  /** Name of the shape, or the model folder. */
  readonly shape: string
  readonly dtype: Dtype
  readonly executor: string
  /** Positions in the cache while measuring. */
  readonly context: number
  /** Milliseconds of a one-row pass, trunk and head with argmax: the median. */
  readonly t1Ms: number
  /** v(T): time of a T-row pass / time of a one-row pass measured right beside it; the median. */
  readonly v: Readonly<Record<string, number>>
  /** Bytes of weights that a pass reads. */
  readonly weightBytes: number
  /** weightBytes / t1Ms. */
  readonly gbPerS: number
  /** Bytes per second at which this machine reads memory, all processors together. */
  readonly streamGbPerS: number
  /** Seconds to read, pack and load the weights. */
  readonly loadSeconds: number
  /** Resident memory of this process after the passes. */
  readonly residentBytes: number
}

export interface ProfileOptions {
  readonly name: string
  readonly spec: ModelSpec
  readonly source: TensorSource
  readonly executor: Executor
  readonly dtype: Dtype
  readonly context: number
  /** Rounds of measurement; each times every row count once. */
  readonly rounds?: number
  /** Hears what is being done and the share of it that is done. */
  readonly onProgress?: (phase: 'load' | 'measure', share: number) => void
}

/** Loads a model and measures v(T) over a cache of `context` positions. */
export async function profile(options: ProfileOptions): Promise<Profile> {
  const { name, spec, source, executor, dtype, context, onProgress } = options
  const started = performance.now()
  const model = await loadTargetModel(spec, source, {
    executor,
    dtype,
    onProgress: (share) => onProgress?.('load', share),
  })
  const loadSeconds = (performance.now() - started) / 1000
  try {
    const { t1Ms, v } = await measurePasses(model, context, options.rounds ?? 9, (share) =>
      onProgress?.('measure', share),
    )
    const residentBytes = process.memoryUsage.rss()
    const { streamGbPerS } = await measureDevice()
    return {
      shape: name,
      dtype,
      executor: model.executor,
      context,
      t1Ms,
      v,
      weightBytes: model.streamedBytes,
      gbPerS: model.streamedBytes / t1Ms / 1e6,
      streamGbPerS,
      loadSeconds,
      residentBytes,
    }
  } finally {
    await model.dispose()
  }
}

/** Interleaved: each T-row pass stands between one-row passes, so that a machine that slows down slows both. */
async function measurePasses(
  model: TargetModel,
  context: number,
  rounds: number,
  onProgress: (share: number) => void,
): Promise<{ t1Ms: number; v: Record<string, number> }> {
  const target = model.createTarget(context + Math.max(...profiledRows))
  try {
    for (let filled = 0; filled < context; ) {
      const rows = Math.min(256, context - filled)
      await target.forward(chainOf(rows), {})
      target.commit(Int32Array.from({ length: rows }, (_, i) => i))
      filled += rows
      onProgress((0.2 * filled) / context)
    }
    const time = async (rows: number) => {
      const pass = chainOf(rows)
      const from = performance.now()
      await target.forward(pass, { head: 'argmax' })
      return performance.now() - from
    }
    const ones: number[] = []
    const ratios = new Map<number, number[]>(profiledRows.map((rows) => [rows, []]))
    for (const rows of profiledRows) await time(rows)
    for (let round = 0; round < rounds; round++) {
      for (const rows of profiledRows) {
        const before = await time(1)
        const measured = await time(rows)
        const after = await time(1)
        ones.push(before, after)
        ratios.get(rows)!.push((2 * measured) / (before + after))
      }
      onProgress(0.2 + (0.8 * (round + 1)) / rounds)
    }
    const v = Object.fromEntries([...ratios].map(([rows, measured]) => [rows, rows === 1 ? 1 : median(measured)]))
    return { t1Ms: median(ones), v }
  } finally {
    target.dispose()
  }
}

function chainOf(rows: number) {
  return {
    tokens: Int32Array.from({ length: rows }, (_, i) => i % 7),
    parents: Int32Array.from({ length: rows }, (_, i) => i - 1),
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
