import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import type { BenchPrompts, BenchRecord, BenchReport } from '../../bench/index.ts'
import { type Checkpoint, describeCheckpoint, readJson } from '../../checkpoint/index.ts'
import { count } from '../terminal.ts'

/*
 * What a report says of where its numbers come from.
 */

export function describeMachine(executor: string, threads = availableParallelism()): BenchReport['machine'] {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    threads,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    executor,
  }
}

export function describeModel(
  folder: string,
  { spec, source }: Checkpoint,
  records: readonly BenchRecord[],
): BenchReport['model'] {
  return {
    folder,
    architecture: spec.architecture,
    parameters: describeCheckpoint(spec, source).parameters.total,
    vocabSize: spec.vocabSize,
    contextLength: spec.contextLength,
    dtypes: records.flatMap((record) => {
      if (record.kind !== 'dtype') return []
      const { kind: _, ...about } = record
      return [about]
    }),
  }
}

/** What a reader of speedups has to know of a model that was changed for their sake; `undefined` of any other. */
export async function tuningOf(folder: string): Promise<string | undefined> {
  const provenance = (await readJson(folder, 'paceline.json')) as
    | { readonly method?: unknown; readonly data?: { readonly init?: { readonly folder?: unknown } } }
    | null
    | undefined
  if (provenance?.method !== 'cllm') return undefined
  const before = provenance.data?.init?.folder
  const model = typeof before === 'string' ? `the model it was made of (${before})` : 'the model it was made of'
  return (
    `Decode-lossless, model tuned: texts are those of plain decoding of these weights, and not those of ${model}. ` +
    'What the tuning has cost in quality "paceline evaluate" tells, of both.'
  )
}

export function notesOf(
  { cutToFirstTurn, tooLong }: BenchPrompts,
  leftOut: ReadonlyMap<string, string>,
  tuning?: string,
): BenchReport['notes'] {
  return [
    ...(tuning === undefined ? [] : [tuning]),
    ...(cutToFirstTurn > 0
      ? [`Questions with several turns, of which only the first was asked: ${count(cutToFirstTurn)}.`]
      : []),
    ...(tooLong > 0 ? [`Questions left out, since they leave no room in the context: ${count(tooLong)}.`] : []),
    ...[...leftOut].map(([name, why]) => `${name} was left out: ${why}`),
  ]
}
