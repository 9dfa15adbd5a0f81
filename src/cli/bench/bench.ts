import { type Command, Option } from 'commander'
import {
  type BenchReport,
  benchPrompts,
  type Comparison,
  compare,
  openPartial,
  promptsFingerprint,
  readContestants,
  readSuite,
  requirePartial,
  summarise,
} from '../../bench/index.ts'
import { type Dtype, dtypes, openCheckpoint } from '../../checkpoint/index.ts'
import { type AcceptanceRule, acceptanceRules } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { chooseExecutor, type ExecutorName, executorNames } from '../../runtime/index.ts'
import { identifyTarget } from '../../training/index.ts'
import { commandLine } from '../command-line.ts'
import { requireWritableFolder } from '../files.ts'
import { interruption } from '../interruption.ts'
import {
  contestants,
  dtypeList,
  integer,
  modelFolderOrDemo,
  numberAtLeast,
  sampling,
  temperatures,
  textList,
} from '../options.ts'
import { modelOrDemo, packagedSuite } from '../packaged.ts'
import { remark } from '../terminal.ts'

import { describeMachine, describeModel, notesOf, tuningOf } from './about.ts'
import { renderBenchHtml } from './html.ts'
import { benchProgress } from './progress.ts'
import { renderBench, renderBenchMarkdown } from './report.ts'

export interface BenchFlags {
  readonly drafters: readonly string[]
  readonly dtype: readonly Dtype[]
  readonly temperature: readonly number[]
  readonly suite?: readonly string[]
  readonly rounds: number
  readonly maxTokens: number
  readonly promptsPerTask?: number
  readonly seed: number
  readonly rule: AcceptanceRule
  readonly sharedNoise: boolean
  readonly strict: number
  readonly executor?: ExecutorName
  readonly threads?: number
  readonly json?: string
  readonly markdown?: string
  readonly html?: string
  readonly resume?: boolean
  readonly force?: boolean
}

export function addBench(program: Command): void {
  program
    .command('bench')
    .summary('how much faster each drafter is, prompt by prompt, beside plain decoding')
    .description(
      'Writes the same prompts plainly and with each drafter, in turns, and tells how much faster each was and why: tau, ' +
        'D, v and h, with intervals; and whether every text was the same. Prompts are the first turns of questions.',
    )
    .argument('[model-folder]', modelFolderOrDemo)
    .addOption(
      new Option(
        '--drafters <names>',
        'name[:variant][=path], several with commas; "all" is every one whose files are there; draft:oracle knows the text',
      )
        .argParser(contestants)
        .default(['all'], 'all'),
    )
    .addOption(
      new Option('--dtype <dtypes>', `${dtypes.join(', ')}, or several with commas`)
        .argParser(dtypeList)
        .default(['f32'], 'f32'),
    )
    .addOption(
      new Option('--temperature <t>', 'several with commas; 0 takes the likeliest token')
        .argParser(temperatures)
        .default([0], '0'),
    )
    .option(
      '--suite <paths>',
      'questions { "question_id", "category", "turns" }: files or folders, with commas (default: the package\'s)',
      textList,
    )
    .option('--prompts-per-task <n>', 'the first so many of each category (default: all)', integer(1))
    .option('--rounds <n>', 'how often each prompt is written by each', integer(1), 3)
    .option('--max-tokens <n>', 'cut texts off after this many tokens', integer(1), 128)
    .option('--seed <n>', 'of texts at a temperature', sampling('seed'), 0)
    .addOption(
      new Option(
        '--rule <name>',
        'how guesses are accepted, as generate takes it; typical-lossy is not lossless, and reports say so',
      )
        .choices(acceptanceRules)
        .default('target-draw'),
    )
    .option('--no-shared-noise', 'drafters guess with noise of their own')
    .option(
      '--strict <x>',
      'errors of logits that must not change a token: for executors other than native',
      numberAtLeast(0),
      0,
    )
    .addOption(new Option('--executor <name>', 'what computes (default: auto)').choices(executorNames))
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
    .option('--json <file>', 'write the numbers to a file; "-" prints them instead of the tables')
    .option('--markdown <file>', 'write the tables in Markdown')
    .option('--html <file>', 'write a page with charts that needs no other file')
    .option('--resume', 'go on with what an interrupted measurement has left beside --json, with the same options')
    .addOption(new Option('--force', 'forget what it has left').conflicts('resume'))
    .addHelpText(
      'after',
      `
Examples:
  $ paceline bench ./model --drafters prompt-lookup,draft=./small --dtype f32,int8 --json bench.json --html bench.html
  $ paceline bench --drafters draft:cost-aware,draft:oracle --prompts-per-task 4 --temperature 0,1

The first Ctrl-C ends the measurement after the text that is being written; with --json it can be gone on with.`,
    )
    .action(bench)
}

async function bench(given: string | undefined, flags: BenchFlags): Promise<void> {
  const folder = modelOrDemo(given)
  const { json, markdown, html, resume = false, force = false } = flags
  const file = json === '-' ? undefined : json
  if (resume && file === undefined)
    throw new PacelineError('argument', '--resume goes on with what is beside --json FILE: name that file')
  const knowing = flags.drafters.find((name) => name.startsWith('draft:oracle'))
  if (knowing !== undefined && flags.rule !== 'target-draw' && flags.temperature.some((t) => t > 0))
    throw new PacelineError(
      'argument',
      `${knowing} cannot know what --rule ${flags.rule} will write: leave out one of them`,
    )
  for (const out of [file, markdown, html]) if (out !== undefined) await requireWritableFolder(out)
  if (file !== undefined) await requirePartial(file, resume ? 'resume' : force ? 'replace' : 'new')
  const suites = flags.suite ?? [packagedSuite()]
  const questions = (await Promise.all(suites.map(readSuite))).flat()

  const { executor, about } = chooseExecutor({
    ...(flags.executor && { executor: flags.executor }),
    ...(flags.threads && { threads: flags.threads }),
  })
  const target = await identifyTarget(folder)
  const checkpoint = await openCheckpoint(folder)
  const progress = benchProgress()
  try {
    const asked = benchPrompts(questions, {
      codec: checkpoint.text,
      chat: target.chatFormat !== null,
      contextLength: checkpoint.spec.contextLength,
      ...(flags.promptsPerTask && { perTask: flags.promptsPerTask }),
    })
    const { prompts } = asked
    if (prompts.length === 0)
      throw new PacelineError('context', 'no prompt of the suite leaves room in the context of the model')
    const { drafters, dtype, temperature, rounds, maxTokens, seed, rule, sharedNoise, strict } = flags
    const measured = { rounds, maxTokens, seed, rule, sharedNoise, strict }
    const identity = {
      ...{ target, executor: executor.name, threads: flags.threads ?? null, prompts: promptsFingerprint(prompts) },
      ...{ drafters, dtypes: dtype, temperatures: temperature, ...measured },
    }
    const partial = file === undefined ? undefined : await openPartial(file, identity, resume)
    using interrupted = interruption()
    let result: Comparison | undefined
    try {
      result = await compare({
        ...measured,
        ...{ checkpoint, executor, prompts, dtypes: dtype, temperatures: temperature },
        contestants: readContestants(drafters),
        ...(partial && { sink: partial, known: partial.known }),
        signal: interrupted.signal,
        onProgress: progress.update,
      })
    } finally {
      progress.clear()
      if (result === undefined) await partial?.finish(false)
    }
    const report: BenchReport = {
      machine: describeMachine(about, flags.threads),
      model: describeModel(folder, checkpoint, result.records),
      runs: summarise(result.records),
      settings: { suites, prompts: prompts.length, ...measured, command: commandLine() },
      complete: result.complete,
      notes: notesOf(asked, result.leftOut, await tuningOf(folder)),
    }
    if (report.runs.length > 0) await write(report, flags)
    // Not before the report is there: until then the records are all that there is.
    await partial?.finish(result.complete)
    if (!result.complete) remark(`interrupted${file === undefined ? '' : `; go on with: ${resumption()}`}`)
  } finally {
    progress.clear()
    await checkpoint.close()
  }
}

async function write(report: BenchReport, { json, markdown, html }: BenchFlags): Promise<void> {
  const numbers = `${JSON.stringify(report, null, 2)}\n`
  process.stdout.write(json === '-' ? numbers : renderBench(report))
  if (json !== undefined && json !== '-') await replaceText(json, numbers)
  if (markdown !== undefined) await replaceText(markdown, renderBenchMarkdown(report))
  if (html !== undefined) await replaceText(html, renderBenchHtml(report))
}

/** The same command, going on. */
function resumption(): string {
  const args = process.argv.slice(2).filter((arg) => arg !== '--force' && arg !== '--resume')
  return commandLine([...args, '--resume'])
}
