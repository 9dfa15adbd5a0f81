import { PacelineError } from '../../errors.ts'
import { parseJsonLine } from './json-line.ts'

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
  const { question_id: id, category, turns } = parseJsonLine(line, where, expectedQuestion)
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
