import type { LoadedModel } from '../engine/index.ts'
import type { PackedDataset, SplitName } from '../training/index.ts'
import { drawSamples, promptsOfDataset, type Sample, type SampleOptions } from './samples.ts'

/** How often a model's answers are word for word those of a dataset. */
export interface ExactMatch {
  readonly task: string
  readonly answers: number
  readonly equal: number
}

export interface ExactMatchOptions extends Pick<SampleOptions, 'maxTokens' | 'signal' | 'onProgress'> {
  readonly split: SplitName
  /** Prompts of each task, at most. */
  readonly count: number
}

/**
 * Answers `count` prompts of each task greedily. An answer is equal where it differs in nothing but the case of letters and how
 * much white space there is. Throws as `generate` does.
 */
export async function exactMatches(
  model: LoadedModel,
  dataset: PackedDataset,
  { split, count, ...options }: ExactMatchOptions,
): Promise<ExactMatch[]> {
  const samples = await drawSamples(model, promptsOfDataset(dataset, split, model, count), {
    ...options,
    temperature: 0,
  })
  return countEqual(samples)
}

/** By task, in the order in which tasks come. */
export function countEqual(samples: readonly Sample[]): ExactMatch[] {
  const tasks = new Map<string, { answers: number; equal: number }>()
  for (const { task, response, expected, ended } of samples) {
    const sum = tasks.get(task) ?? { answers: 0, equal: 0 }
    sum.answers++
    if (ended && expected !== undefined && plain(response) === plain(expected)) sum.equal++
    tasks.set(task, sum)
  }
  return Array.from(tasks, ([task, sums]) => ({ task, ...sums }))
}

function plain(text: string): string {
  return text.trim().replace(/\s+/g, ' ').toLowerCase()
}
