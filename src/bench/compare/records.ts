import type { Dtype } from '../../checkpoint/index.ts'
import type { Run } from './run.ts'

/** All runs of one prompt in one round, side by side: what a measurement is made of. */
export interface PromptRecord {
  readonly kind: 'prompt'
  readonly dtype: Dtype
  readonly temperature: number
  /** Its index. */
  readonly prompt: number
  readonly task: string
  readonly round: number
  readonly plain: Run
  /** Whether the text of plain decoding ends in a loop. */
  readonly loops: boolean
  readonly drafted: readonly DraftedRun[]
}

export interface DraftedRun {
  readonly drafter: string
  readonly run: Run
  /** Whether its tokens are those of plain decoding, all of them. */
  readonly identical: boolean
}

/** The target with one kind of weights. Bytes. */
export interface DtypeRecord {
  readonly kind: 'dtype'
  readonly dtype: Dtype
  readonly weightBytes: number
  /** Of one text, at the model's context. */
  readonly cacheBytes: number
  /** The most memory that the process has had up to the end of this dtype. */
  readonly peakBytes: number
  /** A pass of one row, in milliseconds, and v(T) of passes of T rows. */
  readonly rowMs: number
  readonly v: Readonly<Record<string, number>>
}

export type BenchRecord = PromptRecord | DtypeRecord

/** Tells prompt records of one measurement apart. */
export function keyOf({ dtype, temperature, prompt, round }: Place): string {
  return `${dtype} ${temperature} ${prompt} ${round}`
}

export type Place = Pick<PromptRecord, 'dtype' | 'temperature' | 'prompt' | 'round'>
