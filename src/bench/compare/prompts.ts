import { createHash } from 'node:crypto'
import type { TextCodec } from '../../checkpoint/index.ts'
import type { Question } from '../../training/index.ts'

export interface BenchPrompt {
  readonly task: string
  readonly ids: readonly number[]
}

export interface BenchPrompts {
  readonly prompts: readonly BenchPrompt[]
  /** Questions of which only the first turn is asked. */
  readonly cutToFirstTurn: number
  /** Questions left out, since they leave no room in the context. */
  readonly tooLong: number
}

export interface BenchPromptsOptions {
  readonly codec: Pick<TextCodec, 'encode' | 'encodeChat'>
  /** The question is the user's turn of a conversation; otherwise it is plain text to continue. */
  readonly chat: boolean
  readonly contextLength: number
  /** The first so many of each category; all unless given. */
  readonly perTask?: number
}

/** Questions as the target reads them, in their order. */
export function benchPrompts(
  questions: readonly Question[],
  { codec, chat, contextLength, perTask = Number.POSITIVE_INFINITY }: BenchPromptsOptions,
): BenchPrompts {
  const counts = new Map<string, number>()
  const prompts: BenchPrompt[] = []
  let [cutToFirstTurn, tooLong] = [0, 0]
  for (const { category: task, turns } of questions) {
    const taken = counts.get(task) ?? 0
    if (taken >= perTask) continue
    const ids = chat ? codec.encodeChat([{ role: 'user', content: turns[0] }]) : codec.encode(turns[0])
    if (ids.length >= contextLength) {
      tooLong++
      continue
    }
    counts.set(task, taken + 1)
    prompts.push({ task, ids })
    if (turns.length > 1) cutToFirstTurn++
  }
  return { prompts, cutToFirstTurn, tooLong }
}

/** Tells whether two measurements were of the same prompts. */
export function promptsFingerprint(prompts: readonly BenchPrompt[]): string {
  return `sha256:${createHash('sha256').update(JSON.stringify(prompts)).digest('hex')}`
}
