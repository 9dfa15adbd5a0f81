import { constant, draftFolder, draftModel, draftTop, type Policy } from '../../drafters/index.ts'
import { type DraftingResources, type GenerateRequest, generate, type LoadedModel } from '../../engine/index.ts'
import { asPrompt, collect, orNoRoom, type RecordSink, type TrainingPrompt } from '../collect/index.ts'
import { type LoggedCosts, type LoggedStep, type LoggedText, loggedStep } from './log.ts'

export interface LogDraftsOptions {
  readonly target: LoadedModel
  /** Those of the target. */
  readonly resources: DraftingResources
  /** Folder of the draft model; that beside the target unless given. */
  readonly draft?: string
  /** In the order in which they are asked. */
  readonly prompts: readonly TrainingPrompt[]
  /** Prompts are the user's turns of conversations; plain text otherwise. */
  readonly chat: boolean
  readonly maxGuesses: number
  /** Each prompt with this and its index. */
  readonly seed: number
  readonly request: Required<Pick<GenerateRequest, 'maxTokens' | 'temperature'>>
  readonly sink: RecordSink<LoggedText>
  readonly signal?: AbortSignal
  /** After each prompt; without a text where it left no room in the context. */
  readonly onText?: (text: LoggedText | undefined) => void
}

/**
 * Lets the draft model guess `maxGuesses` ahead at every step of every text, and logs what it thought of its guesses and
 * how many were accepted. Returns whether all prompts were asked; after a signal the texts before are logged.
 * Throws as `openModel` and `generate` do.
 */
export async function logDrafts(options: LogDraftsOptions): Promise<boolean> {
  const { target, resources, draft, prompts, chat, maxGuesses, seed, request, sink, signal, onText } = options
  const { model } = await resources.openModel(draft, draftFolder, { top: draftTop })
  let steps: LoggedStep[] = []
  const recording: Policy = {
    ...constant(maxGuesses),
    observe: (outcome) => steps.push(loggedStep(outcome)),
  }
  const drafter = draftModel(model, recording, { maxGuesses })
  try {
    return await collect({
      asked: prompts,
      async answer({ text, index }, stop) {
        steps = []
        const options = { ...request, seed: seed + index }
        const pieces = generate(target, drafter, asPrompt(text, chat), options, stop ?? { aborted: false })
        const logged = await orNoRoom(async () => {
          while (!(await pieces.next()).done);
          return { prompt: index, steps }
        })
        return logged === 'no room' ? undefined : logged
      },
      sink,
      ...(signal && { signal }),
      ...(onText && { onRecord: onText }),
    })
  } finally {
    await drafter.dispose?.()
  }
}

/** What the passes of drafts of up to `maxGuesses` cost here. */
export async function measureDrafting(
  resources: DraftingResources,
  draft: string | undefined,
  maxGuesses: number,
): Promise<LoggedCosts> {
  const { guessCosts } = await resources.openModel(draft, draftFolder, { top: draftTop })
  const { v } = await resources.costs()
  // Whether one more is worth it is asked behind the first: what that takes more, every draft pays.
  return { guess: (await guessCosts()).next, v: Array.from({ length: maxGuesses + 1 }, (_, i) => v(i + 1)) }
}
