import { PacelineError } from '../../errors.ts'
import type { RunIdentity } from '../trainer/index.ts'
import type { Answer } from './answers.ts'
import type { TrainingPrompt } from './prompts.ts'
import { RecordFile } from './record-file.ts'

/** An open file of answers and what of the order is still to be asked. */
export interface AnswerFile<Row extends Answer> {
  readonly file: RecordFile<Row>
  /** Prompts of the order that are done with: answered, or found not to fit. */
  readonly done: number
}

export interface AnswerFileOptions<Row extends Answer> {
  readonly path: string
  readonly identity: RunIdentity
  /** All prompts in the order in which they are asked, also those beyond what a run asks. */
  readonly order: readonly TrainingPrompt[]
  readonly resume: boolean
  /** Reads a line; what it throws begins with `where`. */
  readonly parse: (line: string, where: string) => Row
  /** Called for each answer that is in the file. */
  readonly onAnswer: (answer: Row) => void
}

/**
 * Begins a file of answers, or goes on with one. Rows are in the order of the prompts, so the last row tells where to go
 * on: a prompt between two rows had no answer.
 * Throws as `RecordFile` does, and code `format` with the line for an answer to something else.
 */
export async function openAnswerFile<Row extends Answer>(options: AnswerFileOptions<Row>): Promise<AnswerFile<Row>> {
  const { path, identity, order, resume, parse, onAnswer } = options
  if (!resume) return { file: await RecordFile.create<Row>(path, identity), done: 0 }
  let done = 0
  const file = await RecordFile.resume<Row>(path, identity, (line, where) => {
    const answer = parse(line, where)
    while (done < order.length && order[done].text !== answer.prompt) done++
    if (done === order.length)
      throw new PacelineError(
        'format',
        `${where}: not the answer to a prompt that follows those of the lines before. ` +
          'The file was changed: collect into another one, or begin again with --force.',
      )
    done++
    onAnswer(answer)
  })
  return { file, done }
}
