import { basename } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { sha256 } from '../../files.ts'
import { linesOf, parseJsonLine, parseQuestion, shuffled } from '../data/index.ts'
import type { RunIdentity } from '../trainer/index.ts'

/** A prompt that a target can be asked. Line ends are "\n". */
export interface TrainingPrompt {
  readonly task: string
  readonly text: string
  /** Its place among all prompts of the files; what makes its seed, so that no answer depends on which others are asked. */
  readonly index: number
}

export interface PromptPool {
  /** What tells the files apart: their names, which name tasks, and their content, by their place. */
  readonly files: RunIdentity
  /** In the order of the files. No two have the same text. */
  readonly prompts: readonly TrainingPrompt[]
  /** Lines left out, with nothing but space for a prompt. */
  readonly empty: number
  /** Lines left out, with the prompt of one before. */
  readonly duplicate: number
}

const expected =
  'expected { "prompt": text } or { "question_id": integer, "category": name, "turns": [text, ...] } a line'

/**
 * The prompts of JSONL files. A line is { prompt, task? }, without `task` of the task named like its file, or a question
 * of a suite, of which the first turn is asked. Other fields, such as a response, are ignored, and so are blank lines.
 * Throws code `file` for a file that cannot be read, `format` with file and line for one that breaks the format,
 * `argument` where there is no prompt at all.
 */
export async function readPrompts(files: readonly string[]): Promise<PromptPool> {
  const prompts: TrainingPrompt[] = []
  const seen = new Set<string>()
  let [empty, duplicate, index] = [0, 0, 0]
  const identity: Record<string, unknown> = {}
  for (const [i, file] of files.entries()) {
    const fileTask = basename(file).replace(/\.jsonl?$/, '')
    let line = 0
    for await (const json of linesOf(file)) {
      line++
      if (json.trim() === '') continue
      const prompt = parsePrompt(json, fileTask, `${file}, line ${line}`)
      if (prompt.text.trim() === '') empty++
      else if (seen.has(prompt.text)) duplicate++
      else {
        seen.add(prompt.text)
        prompts.push({ ...prompt, index })
      }
      index++
    }
    identity[i + 1] = { name: basename(file), sha256: await sha256(file) }
  }
  if (prompts.length === 0)
    throw new PacelineError('argument', `There is no prompt in ${files.join(', ')}; ${expected}.`)
  return { files: identity, prompts, empty, duplicate }
}

function parsePrompt(line: string, fileTask: string, where: string): { task: string; text: string } {
  const value = parseJsonLine(line, where, expected)
  if ('turns' in value) {
    const { category, turns } = parseQuestion(line, where)
    return { task: category, text: withLineFeeds(turns[0]) }
  }
  const { prompt, task = fileTask } = value
  if (typeof prompt !== 'string')
    throw new PacelineError('format', `${where}: "prompt" is ${JSON.stringify(prompt) ?? 'missing'}; ${expected}.`)
  if (typeof task !== 'string' || task === '')
    throw new PacelineError('format', `${where}: "task" is ${JSON.stringify(task)}, expected a name or no such field.`)
  return { task, text: withLineFeeds(prompt) }
}

function withLineFeeds(text: string): string {
  return text.replace(/\r\n?/g, '\n')
}

/**
 * All prompts in the order in which they are asked; it follows from the prompts, the seed and the mix alone. Each task is
 * shuffled by itself, and the tasks are dealt out evenly: of every beginning of the order, a task of n prompts has a
 * share proportional to n^mix, as long as it has prompts left (1: the mix of the files, 0: all tasks alike). So the first
 * hundred of a thousand are the hundred.
 */
export function orderPrompts(
  prompts: readonly TrainingPrompt[],
  { seed, taskMix }: { readonly seed: number; readonly taskMix: number },
): TrainingPrompt[] {
  const tasks = new Map<string, TrainingPrompt[]>()
  for (const prompt of prompts) {
    const task = tasks.get(prompt.task)
    if (task === undefined) tasks.set(prompt.task, [prompt])
    else task.push(prompt)
  }
  const dealt: { prompt: TrainingPrompt; at: number }[] = []
  for (const [number, task] of [...tasks.values()].entries()) {
    const order = shuffled([...task.keys()], seed, number, 0)
    const pace = task.length ** taskMix
    // The k-th of a task comes at (k + 1/2) / pace: half a step in, so that no task leads because it is small.
    for (const [k, which] of order.entries()) dealt.push({ prompt: task[which], at: (k + 0.5) / pace })
  }
  // The sort is stable: of equals, the task that came first in the files.
  return dealt.sort((a, b) => a.at - b.at).map(({ prompt }) => prompt)
}
