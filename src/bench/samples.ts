import type { SamplingOptions } from '../decoding/index.ts'
import { none } from '../drafters/index.ts'
import { generate, type LoadedModel, type Prompt } from '../engine/index.ts'
import { PacelineError } from '../errors.ts'
import type { PackedDataset, Question, SplitName } from '../training/index.ts'
import { documentsByTask } from './evaluate.ts'

/** What a model is to answer. */
export interface SamplePrompt {
  readonly task: string
  readonly prompt: Prompt
  /** The prompt as a reader sees it. */
  readonly text: string
  /** The response of the dataset. */
  readonly expected?: string
}

export interface Sample {
  readonly task: string
  readonly prompt: string
  readonly expected?: string
  readonly response: string
  /** The model ended the response itself, and not the number of tokens. */
  readonly ended: boolean
}

export interface SampleOptions extends SamplingOptions {
  readonly maxTokens: number
  readonly signal?: AbortSignal
  readonly onProgress?: (share: number) => void
}

/** What a model writes after each prompt: greedily unless there is a temperature. Throws as `generate` does. */
export async function drawSamples(
  model: LoadedModel,
  prompts: readonly SamplePrompt[],
  { signal, onProgress, ...request }: SampleOptions,
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const { task, prompt, text, expected } of prompts) {
    signal?.throwIfAborted()
    const steps = generate(model, none(), prompt, request, { aborted: false })
    let step = await steps.next()
    while (!step.done) step = await steps.next()
    const { text: response, finishReason } = step.value
    const ended = finishReason === 'stop'
    samples.push({ task, prompt: text, ...(expected !== undefined && { expected }), response, ended })
    onProgress?.(samples.length / prompts.length)
  }
  return samples
}

/** `count` prompts of each task of a split, of those that leave room for a response in the model's context. */
export function promptsOfDataset(
  dataset: PackedDataset,
  split: SplitName,
  { checkpoint: { spec, text: codec } }: LoadedModel,
  count: number,
): SamplePrompt[] {
  const { tokens, starts, responseStarts } = dataset.split(split)
  const textOf = (from: number, end: number) => codec.decode(tokens.subarray(from, end), { skipSpecialTokens: true })
  return documentsByTask(dataset, split).flatMap((documents, task) =>
    [...documents]
      .filter((document) => starts[document + 1] - starts[document] <= spec.contextLength)
      .slice(0, count)
      .map((document) => ({
        task: dataset.info.tasks[task],
        prompt: { ids: Array.from(tokens.subarray(starts[document], responseStarts[document])) },
        text: textOf(starts[document], responseStarts[document]),
        expected: textOf(responseStarts[document], starts[document + 1]),
      })),
  )
}

/**
 * The first `count` questions of each category, as conversations.
 * Throws code `argument` for a question of several turns.
 */
export function promptsOfSuite(questions: readonly Question[], count: number): SamplePrompt[] {
  const seen = new Map<string, number>()
  return questions.flatMap(({ id, category, turns }) => {
    const before = seen.get(category) ?? 0
    seen.set(category, before + 1)
    if (before >= count) return []
    if (turns.length > 1)
      throw new PacelineError('argument', `question ${id} has ${turns.length} turns, samples are of questions with one`)
    return [{ task: category, prompt: [{ role: 'user', content: turns[0] }], text: turns[0] }]
  })
}
