import { PacelineError } from '../../errors.ts'

/** What a target wrote to a prompt: a line of the collected file, as `packDataset` reads it. */
export interface Answer {
  readonly task: string
  readonly prompt: string
  readonly response: string
  /** `stop`: the target ended it; `length`: it was cut off, and there is no end to learn from it. */
  readonly finish: 'stop' | 'length'
  /** Tokens of the response, with the one that ended it. */
  readonly tokens: number
}

/** Reads one line. Throws code `format`, beginning with `where`. */
export function parseAnswer(line: string, where: string): Answer {
  const refuse = (problem: string, cause?: unknown) =>
    new PacelineError('format', `${where}: ${problem}. Collect into another file, or begin again with --force.`, {
      cause,
    })
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw refuse(`not valid JSON: ${(cause as Error).message}`, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('not an object')
  const answer = value as Answer
  for (const field of ['task', 'prompt', 'response'] as const)
    if (typeof answer[field] !== 'string') throw refuse(`"${field}" is not text`)
  if (answer.finish !== 'stop' && answer.finish !== 'length') throw refuse('"finish" is neither "stop" nor "length"')
  if (!(Number.isSafeInteger(answer.tokens) && answer.tokens >= 0)) throw refuse('"tokens" is not a count')
  return answer
}

export interface AnswerCounts {
  readonly answers: number
  readonly tokens: number
  /** Answers that the target ended itself. */
  readonly ended: number
}

const none: AnswerCounts = { answers: 0, tokens: 0, ended: 0 }

/** Counts of answers, of all and by task. */
export class AnswerTally {
  private readonly tasks = new Map<string, AnswerCounts>()

  add({ task, tokens, finish }: Answer): void {
    const before = this.tasks.get(task) ?? none
    this.tasks.set(task, {
      answers: before.answers + 1,
      tokens: before.tokens + tokens,
      ended: before.ended + (finish === 'stop' ? 1 : 0),
    })
  }

  /** By task, in the order of their names. */
  get byTask(): Readonly<Record<string, AnswerCounts>> {
    return Object.fromEntries([...this.tasks].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** All of it, as JSON. */
  get counts(): Readonly<Record<string, unknown>> {
    return { ...this.all, byTask: this.byTask }
  }

  get all(): AnswerCounts {
    let { answers, tokens, ended } = none
    for (const counts of this.tasks.values()) {
      answers += counts.answers
      tokens += counts.tokens
      ended += counts.ended
    }
    return { answers, tokens, ended }
  }
}
