import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import type { BenchPrompts, BenchRecord, BenchReport } from '../bench/index.ts'
import { type Checkpoint, describeCheckpoint } from '../checkpoint/index.ts'
import { count } from './terminal.ts'

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

export function notesOf(
  { cutToFirstTurn, tooLong }: BenchPrompts,
  leftOut: ReadonlyMap<string, string>,
): BenchReport['notes'] {
  return [
    ...(cutToFirstTurn > 0
      ? [`Questions with several turns, of which only the first was asked: ${count(cutToFirstTurn)}.`]
      : []),
    ...(tooLong > 0 ? [`Questions left out, since they leave no room in the context: ${count(tooLong)}.`] : []),
    ...[...leftOut].map(([name, why]) => `${name} was left out: ${why}`),
  ]
}
