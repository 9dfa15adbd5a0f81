import type { Checkpoint, Dtype } from '../../checkpoint/index.ts'
import { forAnyDrafter } from '../../drafters/index.ts'
import { createDraftingResources } from '../../engine/index.ts'
import { PacelineError } from '../../errors.ts'
import { loadTargetModel } from '../../model/index.ts'
import type { Executor } from '../../runtime/index.ts'
import type { Contestant, PreparedContestant } from './contestants.ts'
import { createMatch, type MatchOptions } from './match.ts'
import type { BenchPrompt } from './prompts.ts'
import { type BenchRecord, type DtypeRecord, keyOf, type Place } from './records.ts'

export interface CompareOptions extends MatchOptions {
  readonly checkpoint: Pick<Checkpoint, 'folder' | 'spec' | 'text' | 'source'>
  readonly executor: Executor
  readonly contestants: readonly Contestant[]
  readonly dtypes: readonly Dtype[]
  readonly temperatures: readonly number[]
  readonly prompts: readonly BenchPrompt[]
  /** How often each prompt is written by each drafter, and plainly. */
  readonly rounds: number
  /** What was measured before: it is not measured again. */
  readonly known?: readonly BenchRecord[]
  /** Gets each record as soon as it is whole. */
  readonly sink?: { append(record: BenchRecord): Promise<void> }
  /** Ends the measurement after the run that it interrupts. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: CompareProgress) => void
}

export interface CompareProgress {
  readonly doing: string
  /** Records made by this call, and how many it is to make. */
  readonly done: number
  readonly total: number
}

export interface Comparison {
  /** Those known and those made. */
  readonly records: readonly BenchRecord[]
  /** False where the signal came first. */
  readonly complete: boolean
  /** Drafters that were not compared, and why. */
  readonly leftOut: ReadonlyMap<string, string>
}

const shownRows = [2, 4, 8, 16, 32]

/**
 * Writes every prompt with every drafter and plainly, in one thread, all of them side by side: the order rotates, so that
 * neither a machine that slows down nor what a run leaves behind favours anyone. Rounds are outermost: what there is
 * after an interruption speaks for all prompts.
 * Throws what loading, drafters and decoding throw; all records before have gone to the sink.
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { dtypes, temperatures, prompts, rounds, known = [], sink, signal, onProgress } = options
  const places = dtypes.flatMap((dtype) =>
    Array.from({ length: rounds }, (_, round) =>
      temperatures.flatMap((temperature) => prompts.map((_, prompt): Place => ({ dtype, temperature, prompt, round }))),
    ).flat(),
  )
  const there = new Set(known.flatMap((record) => (record.kind === 'prompt' ? [keyOf(record)] : [])))
  const missing = places.filter((place) => !there.has(keyOf(place)))
  const records = [...known]
  const leftOut = new Map<string, string>()
  let done = 0
  const report = (doing: string) => onProgress?.({ doing, done, total: missing.length })

  for (const dtype of dtypes) {
    const todo = missing.filter((place) => place.dtype === dtype)
    if (todo.length === 0 && known.some((record) => record.kind === 'dtype' && record.dtype === dtype)) continue
    if (signal?.aborted) break
    await withDtype(options, dtype, report, leftOut, async (match) => {
      for (const place of todo) {
        report(`measuring ${dtype}`)
        const record = await match.play(place)
        if (record === undefined) break
        records.push(record)
        await sink?.append(record)
        done++
      }
      const about = await match.about()
      records.push(about)
      if (!signal?.aborted) await sink?.append(about)
    })
  }
  return { records, complete: done === missing.length, leftOut }
}

type Match = ReturnType<typeof createMatch> & { about(): Promise<DtypeRecord> }

/** Loads target and drafters, warms them up, and frees them after `work`. */
async function withDtype(
  options: CompareOptions,
  dtype: Dtype,
  report: (doing: string) => void,
  leftOut: Map<string, string>,
  work: (match: Match) => Promise<void>,
): Promise<void> {
  const { checkpoint, executor, contestants, prompts, temperatures, signal } = options
  report(`loading ${dtype}`)
  const loading = { executor, dtype, ...forAnyDrafter, ...(signal && { signal }) } as const
  const model = await loadTargetModel(checkpoint.spec, checkpoint.source, loading).catch((error) => {
    if (!signal?.aborted) throw error
  })
  if (model === undefined) return
  const resources = createDraftingResources({ checkpoint, model, executor })
  try {
    const costs = await resources.costs()
    const prepared: PreparedContestant[] = []
    for (const contestant of contestants) {
      report(`preparing ${contestant.name}`)
      try {
        prepared.push(await contestant.prepare(resources))
      } catch (error) {
        if (!(contestant.optional && PacelineError.isInstance(error) && error.code === 'file')) throw error
        leftOut.set(contestant.name, error.message)
      }
    }
    const match = createMatch(model, prepared, prompts, options)
    report(`warming up ${dtype}`)
    let cacheBytes = 0
    for (const temperature of temperatures) cacheBytes = await match.warmUp(temperature)
    await work({
      ...match,
      about: async () => ({
        kind: 'dtype',
        dtype,
        weightBytes: model.weightBytes,
        cacheBytes,
        // In kilobytes.
        peakBytes: 1024 * process.resourceUsage().maxRSS,
        rowMs: costs.rowMs,
        v: Object.fromEntries(shownRows.map((rows) => [rows, costs.v(rows)])),
      }),
    })
  } finally {
    await resources.dispose()
    await model.dispose()
  }
}
