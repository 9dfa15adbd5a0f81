import type { Evaluation, ExactMatch, Sample } from '../../bench/index.ts'
import type { Baseline, Baselines, CountingModels, SplitName } from '../../training/index.ts'
import { count, harmless, markdownTable, percent, table } from '../terminal.ts'

/** What --json writes. */
export interface EvaluationReport {
  readonly folder: string
  readonly data: string
  readonly split: SplitName
  readonly limit?: number
  /** At least one; all of the same tasks. */
  readonly evaluations: readonly Evaluation[]
  readonly baselines?: Baselines
  /** Of each evaluation, where answers were counted. */
  readonly matches?: readonly (readonly ExactMatch[])[]
  readonly samples?: readonly Sample[]
}

type Unit = keyof Baseline

const units: Readonly<Record<Unit, string>> = {
  natsPerToken: 'nats per token',
  bitsPerByte: 'bits per byte',
}

/** Tables of what `paceline evaluate` has measured, and samples, for a terminal or in Markdown. */
export function renderEvaluation(report: EvaluationReport, { markdown }: { readonly markdown: boolean }): string {
  const { folder, data, split, limit, evaluations, samples = [] } = report
  const { tasks, executor } = evaluations[0]
  const sum = (field: 'documents' | 'tokens' | 'cut') => count(tasks.reduce((all, task) => all + task[field], 0))
  const cut = sum('cut') === '0' ? '' : `; ${sum('cut')} of them longer than the context, and cut`
  const part = limit === undefined ? '' : `, about ${count(limit)} tokens of each task`
  const head = `${folder}: loss on the responses of ${data}, ${split} split${part}: ${sum('tokens')} tokens of ${sum('documents')} documents${cut} (${executor})`
  const tables = (['natsPerToken', 'bitsPerByte'] as const).map((unit) => {
    const rows = lossTable(report, unit)
    return markdown ? `${capital(units[unit])}:\n\n${markdownTable(rows)}` : `${units[unit]}\n${table(rows)}`
  })
  if (report.matches) {
    const rows = matchTable(report, report.matches)
    const title = 'answers that are those of the dataset'
    tables.push(markdown ? `${capital(title)}:\n\n${markdownTable(rows)}` : `${title}\n${table(rows)}`)
  }
  const texts = samples.map(markdown ? markdownSample : plainSample)
  return `${[markdown ? `${head}.\n` : `${head}\n`, ...tables, ...texts].join('\n')}`
}

function lossTable({ evaluations, baselines }: EvaluationReport, unit: Unit): string[][] {
  const { tasks } = evaluations[0]
  const names = ['uniform', 'unigram', 'trigram'] as const
  const counted = (models: CountingModels | undefined) =>
    baselines === undefined ? [] : names.map((name) => number(models?.[name][unit]))
  return [
    [
      'task',
      'documents',
      'tokens',
      ...(baselines === undefined ? [] : names),
      ...evaluations.map(({ dtype }) => dtype),
    ],
    ...tasks.map(({ task, documents, tokens }, i) => [
      task,
      count(documents),
      count(tokens),
      ...counted(baselines?.byTask[task]),
      ...evaluations.map((evaluation) => number(evaluation.tasks[i][unit])),
    ]),
    [
      'all',
      count(tasks.reduce((all, { documents }) => all + documents, 0)),
      count(tasks.reduce((all, { tokens }) => all + tokens, 0)),
      ...counted(baselines),
      ...evaluations.map((evaluation) => number(evaluation[unit])),
    ],
  ]
}

function matchTable({ evaluations }: EvaluationReport, matches: readonly (readonly ExactMatch[])[]): string[][] {
  const share = ({ equal, answers }: ExactMatch) => percent(equal / answers, 1)
  return [
    ['task', 'answers', ...evaluations.map(({ dtype }) => dtype)],
    ...matches[0].map(({ task, answers }, i) => [task, count(answers), ...matches.map((of) => share(of[i]))]),
  ]
}

function number(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(3)
}

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1)
}

function plainSample({ task, prompt, response, expected, ended }: Sample): string {
  const indented = (name: string, text: string) => `  ${name}\n${harmless(text).trimEnd().replace(/^/gm, '    ')}\n`
  const theirs = expected === undefined ? '' : indented('dataset', expected)
  return `${task}\n${indented('prompt', prompt)}${indented('model', `${response}${ended ? '' : ' ...'}`)}${theirs}`
}

function markdownSample({ task, prompt, response, expected, ended }: Sample): string {
  const theirs = expected === undefined ? '' : `\nThe response of the dataset:\n\n${fenced(expected)}`
  return `**${task}**\n\n${fenced(prompt)}\nThe model writes:\n\n${fenced(`${response}${ended ? '' : ' ...'}`)}${theirs}`
}

/** Text in a fence longer than any in it. */
function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${harmless(text).trimEnd()}\n${fence}\n`
}
