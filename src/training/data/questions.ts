import { PacelineError } from '../../errors.ts'

/** A prompt of a benchmark; in the format that MT-bench and Spec-Bench have made common. */
export interface Question {
  /** Unique in a suite. */
  readonly id: number
  readonly category: string
  /** What the user says, turn by turn. At least one. */
  readonly turns: readonly string[]
}

export const expectedQuestion = 'expected { "question_id": integer, "category": name, "turns": [text, ...] } a line'

/** Reads one line. Other fields are ignored. Throws code `format`, beginning with `where`, for what breaks the format. */
export function parseQuestion(line: string, where: string): Question {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new PacelineError('format', `${where}: not valid JSON: ${(cause as Error).message}; ${expectedQuestion}.`, {
      cause,
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new PacelineError('format', `${where}: not an object; ${expectedQuestion}.`)
  const { question_id: id, category, turns } = value as Record<string, unknown>
  const isText = (text: unknown) => typeof text === 'string' && text !== ''
  const refuse = (field: string, content: unknown) => {
    throw new PacelineError(
      'format',
      `${where}: "${field}" is ${JSON.stringify(content) ?? 'missing'}; ${expectedQuestion}.`,
    )
  }
  if (!Number.isSafeInteger(id)) refuse('question_id', id)
  if (!isText(category)) refuse('category', category)
  if (!(Array.isArray(turns) && turns.length > 0 && turns.every(isText))) refuse('turns', turns)
  return { id: id as number, category: category as string, turns: turns as string[] }
}
