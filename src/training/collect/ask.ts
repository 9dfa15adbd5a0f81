import type { GenerateRequest, Model, Prompt } from '../../engine/index.ts'
import { PacelineError } from '../../errors.ts'
import type { Answer } from './answers.ts'
import type { TrainingPrompt } from './prompts.ts'

/** How a target is sampled: all that an answer depends on beside target, prompt and seed. */
export type AskedWith = Readonly<Required<Pick<GenerateRequest, 'maxTokens' | 'temperature' | 'topK' | 'topP'>>>

/** Why a prompt has no answer: it leaves no room in the context, the answer only repeats itself, or a signal came before its end. */
export type NoAnswer = 'no room' | 'repeats' | 'stopped'

/** Makes the record of a prompt. Stops early when the signal is raised. */
export type Ask<Row extends Answer> = (
  prompt: TrainingPrompt,
  signal: AbortSignal | undefined,
) => Promise<Row | NoAnswer>

/** A prompt as it is asked: as the user's turn of a conversation, or as text to continue. */
export function asPrompt(text: string, chat: boolean): Prompt {
  return chat ? [{ role: 'user', content: text }] : text
}

/** What `answer` gives, or that the prompt leaves no room in the context. */
export async function orNoRoom<T>(answer: () => Promise<T>): Promise<T | 'no room'> {
  try {
    return await answer()
  } catch (error) {
    if (PacelineError.isInstance(error) && error.code === 'context') return 'no room'
    throw error
  }
}

export interface AskOptions {
  readonly model: Pick<Model, 'generate'>
  /** The prompt is the user's turn of a conversation, written by the chat template; otherwise it is plain text. */
  readonly chat: boolean
  /** Seed of the prompt with index 0; each other has this and its index. */
  readonly seed: number
  readonly request: AskedWith & Pick<GenerateRequest, 'drafter'>
}

/** Asks the target. An answer follows from the prompt, its index, the seed and the request. */
export function askTarget({ model, chat, seed, request }: AskOptions): Ask<Answer> {
  return ({ task, text, index }, signal) =>
    orNoRoom(async () => {
      const generation = model.generate(asPrompt(text, chat), {
        ...request,
        seed: seed + index,
        ...(signal && { signal }),
      })
      const { text: response, ids, finishReason } = await generation.result()
      if (finishReason === 'abort') return 'stopped'
      return { task, prompt: text, response, finish: finishReason, tokens: ids.length }
    })
}
