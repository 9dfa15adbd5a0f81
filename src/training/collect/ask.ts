import type { GenerateRequest, Model } from '../../engine/index.ts'
import { PacelineError } from '../../errors.ts'
import type { Answer } from './answers.ts'
import type { TrainingPrompt } from './prompts.ts'

/** How a target is sampled: all that an answer depends on beside target, prompt and seed. */
export type AskedWith = Readonly<Required<Pick<GenerateRequest, 'maxTokens' | 'temperature' | 'topK' | 'topP'>>>

export interface AskOptions {
  readonly model: Pick<Model, 'generate'>
  /** The prompt is the user's turn of a conversation, written by the chat template; otherwise it is plain text. */
  readonly chat: boolean
  /** Seed of the prompt with index 0; each other has this and its index. */
  readonly seed: number
  readonly request: AskedWith & Pick<GenerateRequest, 'drafter'>
}

/**
 * Asks the target, as `collect` wants it. An answer follows from the prompt, its index, the seed and the request. Of a
 * prompt that leaves no room in the context there is none.
 */
export function askTarget({ model, chat, seed, request }: AskOptions) {
  return async (
    { task, text, index }: TrainingPrompt,
    signal: AbortSignal | undefined,
  ): Promise<Answer | undefined> => {
    const generation = model.generate(chat ? [{ role: 'user', content: text }] : text, {
      ...request,
      seed: seed + index,
      ...(signal && { signal }),
    })
    try {
      const { text: response, ids, finishReason } = await generation.result()
      if (finishReason === 'abort') return undefined
      return { task, prompt: text, response, finish: finishReason, tokens: ids.length }
    } catch (error) {
      if (PacelineError.isInstance(error) && error.code === 'context') return undefined
      throw error
    }
  }
}
