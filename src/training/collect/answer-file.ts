import { PacelineError } from '../../errors.ts'
import type { RunIdentity } from '../trainer/index.ts'
import { type Answer, AnswerTally, parseAnswer } from './answers.ts'
import type { TrainingPrompt } from './prompts.ts'
import { RecordFile } from './record-file.ts'

/** An open file of answers and what of the order is still to be asked. */
export interface AnswerFile {
  readonly file: RecordFile<Answer>
  /** Of the answers that are in the file. */
  readonly tally: AnswerTally
  /** Prompts of the order that are done with: answered, or found not to fit. */
  readonly done: number
}

export interface AnswerFileOptions {
  readonly path: string
  readonly identity: RunIdentity
  /** All prompts in the order in which they are asked, also those beyond what a run asks. */
  readonly order: readonly TrainingPrompt[]
  readonly resume: boolean
}

/**
 * Begins a file of answers, or goes on with one. Rows are in the order of the prompts, so the last row tells where to go
 * on: a prompt between two rows had no answer.
 * Throws as `RecordFile` does, and code `format` with the line for an answer to something else.
 */
export async function openAnswerFile({ path, identity, order, resume }: AnswerFileOptions): Promise<AnswerFile> {
  const tally = new AnswerTally()
  if (!resume) return { file: await RecordFile.create<Answer>(path, identity), tally, done: 0 }
  let done = 0
  const file = await RecordFile.resume<Answer>(path, identity, (line, where) => {
    const answer = parseAnswer(line, where)
    while (done < order.length && order[done].text !== answer.prompt) done++
    if (done === order.length)
      throw new PacelineError(
        'format',
        `${where}: not the answer to a prompt that follows those of the lines before. ` +
          'The file was changed: collect into another one, or begin again with --force.',
      )
    done++
    tally.add(answer)
  })
  return { file, tally, done }
}
