import type { AcceptanceRule } from '../../decoding/index.ts'
import type { DtypeRecord } from './records.ts'
import type { BenchRow } from './summary.ts'

/** What `paceline bench --json` writes. */
export interface BenchReport {
  readonly machine: {
    readonly processor: string
    /** Logical processors, and threads that the target computes with. */
    readonly processors: number
    readonly threads: number
    readonly memoryBytes: number
    readonly system: string
    readonly node: string
    /** The executor in words. */
    readonly executor: string
  }
  readonly model: {
    readonly folder: string
    readonly architecture: string
    readonly parameters: number
    readonly vocabSize: number
    readonly contextLength: number
    readonly dtypes: readonly Omit<DtypeRecord, 'kind'>[]
  }
  readonly runs: readonly BenchRow[]
  readonly settings: {
    readonly suites: readonly string[]
    readonly prompts: number
    readonly rounds: number
    readonly maxTokens: number
    readonly seed: number
    readonly rule: AcceptanceRule
    readonly sharedNoise: boolean
    readonly strict: number
    readonly command: string
  }
  /** False where the measurement was interrupted: `runs` is of what there is. */
  readonly complete: boolean
  /** What a reader has to know, in sentences. */
  readonly notes: readonly string[]
}
