import { type FileHandle, open, readFile } from 'node:fs/promises'
import type { Guess } from '../../drafters/index.ts'
import { PacelineError } from '../../errors.ts'
import { parseJsonLine } from '../data/index.ts'

/*
 * What guesses a draft model made, and what became of them: a file that only grows. The first line is the header, each
 * other one a text:
 *   { "prompt": 12, "steps": [{ "accepted": 1, "guesses": [[probability, entropy, top-1, top-2, ...], ...] }, ...] }
 * A run that is killed leaves at worst half a line at the end, which is not read.
 */

export interface DraftLogHeader {
  readonly format: 'paceline-disco-log'
  readonly version: 1
  /** Guesses per step, unless the text ended before. */
  readonly maxGuesses: number
  readonly costs: LoggedCosts
  /** Models, prompts and options, for the record. */
  readonly madeFrom: Readonly<Record<string, unknown>>
}

/** What passes cost when the log was made, in passes of the target of one row. */
export interface LoggedCosts {
  /** One more guess. */
  readonly guess: number
  /** v[i]: a pass of i + 1 rows; as far as drafts go. */
  readonly v: readonly number[]
}

export interface LoggedStep {
  /** Those behind the first wrong one are there too: policies pay for them. */
  readonly guesses: readonly Guess[]
  readonly accepted: number
}

export interface LoggedText {
  /** Index of the prompt in its files. */
  readonly prompt: number
  /** One after the other, from the first token on. */
  readonly steps: readonly LoggedStep[]
}

export interface DraftLog {
  readonly header: DraftLogHeader
  readonly texts: readonly LoggedText[]
}

/** A log that grows on disk. */
export class DraftLogFile {
  readonly path: string
  readonly #handle: FileHandle

  private constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  /** Throws code `file`, also where there is such a file already. */
  static async create(path: string, header: DraftLogHeader): Promise<DraftLogFile> {
    const handle = await open(path, 'wx').catch((cause: NodeJS.ErrnoException) => {
      throw cause.code === 'EEXIST'
        ? new PacelineError('file', `${path}: is there already. Train from it with --from-log, or name another file.`, {
            cause,
          })
        : failed(path, cause)
    })
    const file = new DraftLogFile(path, handle)
    await file.#write(header)
    return file
  }

  async append({ prompt, steps }: LoggedText): Promise<void> {
    await this.#write({
      prompt,
      steps: steps.map(({ accepted, guesses }) => ({
        accepted,
        guesses: guesses.map(({ confidence }) => [confidence!.probability, confidence!.entropy, ...confidence!.top]),
      })),
    })
  }

  async #write(line: object): Promise<void> {
    await this.#handle.appendFile(`${JSON.stringify(line)}\n`).catch((cause) => {
      throw failed(this.path, cause)
    })
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** A step as the log holds it: with six digits, so that a log that was read again teaches the same. */
export function loggedStep({ guesses, accepted }: LoggedStep): LoggedStep {
  const six = (x: number) => Number(x.toPrecision(6))
  return {
    accepted,
    guesses: guesses.map(({ token, confidence }) => ({
      token,
      confidence: {
        probability: six(confidence!.probability),
        entropy: six(confidence!.entropy),
        top: confidence!.top.map(six),
      },
    })),
  }
}

const expected = 'expected a log that "paceline train disco --log FILE" made'

/** Reads a log; ids of tokens are not in it and are 0. Throws code `file`, and `format` with the line that is wrong. */
export async function readDraftLog(path: string): Promise<DraftLog> {
  const text = await readFile(path, 'utf8').catch((cause) => {
    throw new PacelineError('file', `${path}: cannot be read: ${cause.message}`, { cause })
  })
  // What follows the last line end is half a line, or nothing.
  const [first, ...lines] = text.split('\n').slice(0, -1)
  const refuse = (line: number, problem: string) =>
    new PacelineError('format', `${path}, line ${line}: ${problem}; ${expected}.`)
  if (first === undefined) throw refuse(1, 'is missing')
  const header = parseJsonLine(first, `${path}, line 1`, expected)
  if (!isHeader(header)) throw refuse(1, 'is not the header of a log')
  const texts = lines.map((line, i) => {
    const value = parseJsonLine(line, `${path}, line ${i + 2}`, expected)
    if (!isLoggedText(value)) throw refuse(i + 2, 'is not a text')
    const steps = value.steps.map(({ accepted, guesses }) => ({
      accepted,
      guesses: guesses.map(([probability, entropy, ...top]) => ({
        token: 0,
        confidence: { probability, entropy, top },
      })),
    }))
    return { prompt: value.prompt, steps }
  })
  return { header, texts }
}

function isHeader(value: object): value is DraftLogHeader {
  const { format, version, maxGuesses, costs, madeFrom } = value as Partial<DraftLogHeader>
  return (
    format === 'paceline-disco-log' &&
    version === 1 &&
    Number.isSafeInteger(maxGuesses) &&
    maxGuesses! >= 1 &&
    typeof costs === 'object' &&
    Number.isFinite(costs?.guess) &&
    isNumbers(costs?.v) &&
    costs.v.length > maxGuesses! &&
    typeof madeFrom === 'object'
  )
}

interface TextLine {
  readonly prompt: number
  readonly steps: readonly { readonly accepted: number; readonly guesses: readonly (readonly number[])[] }[]
}

function isLoggedText(value: object): value is TextLine {
  const { prompt, steps } = value as Partial<TextLine>
  return (
    Number.isSafeInteger(prompt) &&
    Array.isArray(steps) &&
    steps.every(
      ({ accepted, guesses }: TextLine['steps'][number]) =>
        Array.isArray(guesses) &&
        guesses.every((guess) => isNumbers(guess) && guess.length >= 3) &&
        Number.isSafeInteger(accepted) &&
        accepted >= 0 &&
        accepted <= guesses.length,
    )
  )
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isFinite)
}

function failed(path: string, cause: unknown): PacelineError {
  return new PacelineError('file', `${path}: cannot be written: ${(cause as Error).message}`, { cause })
}
