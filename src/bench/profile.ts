import { type Dtype, expectedTensors, type ModelSpec } from '../checkpoint/index.ts'
import { median } from '../median.ts'
import { loadTargetModel, type TargetModel } from '../model/index.ts'
import { type Executor, measureStream } from '../runtime/index.ts'
import type { TensorSource } from '../tensor/index.ts'
import { fill, timePass } from './passes.ts'

/** Row counts whose time is reported. */
export const profiledRows = [1, 2, 4, 8, 12, 16, 32] as const

/** Rows of the pass that stands for reading a prompt. */
const prefillRows = 512

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
  /** Share of a one-row pass that goes away with the cache: 1 - time over an empty cache / time over `context` positions. */
  readonly attentionShare: number
  /** A pass over the first `rows` positions, trunk only: its time, and 2 * weights * rows per second, in 1e9. */
  readonly prefill: { readonly rows: number; readonly ms: number; readonly gops: number }
  /** Bytes of weights that a pass reads. */
  readonly weightBytes: number
  /** weightBytes / t1Ms. */
  readonly gbPerS: number
  /** Bytes per second at which this machine reads memory, all processors together, measured once a round: the median. */
  readonly streamGbPerS: number
  /** Bytes per second of one-row passes / of memory in the same round: the median. */
  readonly streamShare: number
  /** Seconds to read, pack and load the weights. */
  readonly loadSeconds: number
  /** Resident memory of this process after reading a prompt, before anything is held for the measurement. */
  readonly residentBytes: number
}

export interface ProfileOptions {
  readonly name: string
  readonly spec: ModelSpec
  readonly source: TensorSource
  readonly executor: Executor
  readonly dtype: Dtype
  /** Positions in the cache; one profile for each. */
  readonly contexts: readonly number[]
  /** Rounds of measurement; each times every row count once. */
  readonly rounds?: number
  /** Hears what is being done and the share of it that is done. */
  readonly onProgress?: (phase: 'load' | 'measure', share: number) => void
}

/** Loads a model and measures its passes over a cache of each number of positions asked for. */
export async function profile(options: ProfileOptions): Promise<Profile[]> {
  const { name, spec, source, executor, dtype, contexts, rounds = 9, onProgress } = options
  const started = performance.now()
  const model = await loadTargetModel(spec, source, {
    executor,
    dtype,
    onProgress: (share) => onProgress?.('load', share),
  })
  const loadSeconds = (performance.now() - started) / 1000
  try {
    const prefill = await measurePrefill(model, spec)
    const residentBytes = process.memoryUsage.rss()
    const profiles: Profile[] = []
    for (const [i, context] of contexts.entries()) {
      const passes = await measurePasses(model, context, rounds, (share) =>
        onProgress?.('measure', (i + share) / contexts.length),
      )
      profiles.push({
        shape: name,
        dtype,
        executor: model.executor,
        context,
        ...passes,
        prefill,
        weightBytes: model.streamedBytes,
        gbPerS: model.streamedBytes / passes.t1Ms / 1e6,
        loadSeconds,
        residentBytes,
      })
    }
    return profiles
  } finally {
    await model.dispose()
  }
}

type Passes = Pick<Profile, 't1Ms' | 'v' | 'attentionShare' | 'streamGbPerS' | 'streamShare'>

/** Interleaved: whatever is compared is measured side by side, so that a machine that slows down slows both. */
async function measurePasses(
  model: TargetModel,
  context: number,
  rounds: number,
  onProgress: (share: number) => void,
): Promise<Passes> {
  const stream = await measureStream()
  const target = model.createTarget(context + Math.max(...profiledRows))
  const empty = model.createTarget(1)
  try {
    await fill(target, context, (share) => onProgress(0.2 * share))
    for (const rows of profiledRows) await timePass(target, rows, 'argmax')
    const ones: number[] = []
    const rates: number[] = []
    const shares: number[] = []
    const overEmpty: number[] = []
    const ratios = new Map<number, number[]>(profiledRows.map((rows) => [rows, []]))
    for (let round = 0; round < rounds; round++) {
      const firstOfRound = ones.length
      for (const rows of profiledRows) {
        const before = await timePass(target, 1, 'argmax')
        const measured = await timePass(target, rows, 'argmax')
        const after = await timePass(target, 1, 'argmax')
        ones.push(before, after)
        ratios.get(rows)!.push((2 * measured) / (before + after))
        overEmpty.push((2 * (await timePass(empty, 1, 'argmax'))) / (before + after))
      }
      rates.push(await stream.run(3))
      shares.push(model.streamedBytes / median(ones.slice(firstOfRound)) / 1e6 / rates[round])
      onProgress(0.2 + (0.8 * (round + 1)) / rounds)
    }
    const v = Object.fromEntries([...ratios].map(([rows, measured]) => [rows, rows === 1 ? 1 : median(measured)]))
    return {
      t1Ms: median(ones),
      v,
      attentionShare: Math.max(0, 1 - median(overEmpty)),
      streamGbPerS: median(rates),
      streamShare: median(shares),
    }
  } finally {
    target.dispose()
    empty.dispose()
    await stream.dispose()
  }
}

/** The best of three passes, since the first one also makes room. */
async function measurePrefill(model: TargetModel, spec: ModelSpec): Promise<Profile['prefill']> {
  const rows = Math.min(prefillRows, spec.contextLength)
  const target = model.createTarget(rows)
  try {
    const times = [await timePass(target, rows), await timePass(target, rows), await timePass(target, rows)]
    const ms = Math.min(...times)
    return { rows, ms, gops: (2 * trunkWeights(spec) * rows) / ms / 1e6 }
  } finally {
    target.dispose()
  }
}

/** Weights of the linear layers of the trunk: each is multiplied once a row. */
function trunkWeights(spec: ModelSpec): number {
  return expectedTensors(spec)
    .filter(({ part, dimensions }) => (part === 'attention' || part === 'mlp') && dimensions.length === 2)
    .reduce((sum, { dimensions: [outputs, inputs] }) => sum + outputs.size * inputs.size, 0)
}
