import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { type Dtype, dtypes } from '../../checkpoint/index.ts'
import { discoFileName, draftFolder } from '../../drafters/index.ts'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { chooseExecutor, type ExecutorName, executorNames } from '../../runtime/index.ts'
import { type DraftLog, makeDraftLog, readDraftLog, readPrompts, trainDisco } from '../../training/index.ts'
import { commandLine } from '../command-line.ts'
import { requireWritableFolder } from '../files.ts'
import { interruption } from '../interruption.ts'
import { integer, sampling, share } from '../options.ts'
import { remark } from '../terminal.ts'
import { discoProgress, renderDisco } from './disco-report.ts'

interface Flags {
  readonly draft?: string
  readonly prompts?: readonly string[]
  readonly out?: string
  readonly log?: string
  readonly fromLog?: string
  readonly maxGuesses: number
  readonly count?: number
  readonly maxTokens: number
  readonly temperature: number
  readonly epochs: number
  readonly validationShare: number
  readonly seed: number
  readonly dtype: Dtype
  readonly executor?: ExecutorName
  readonly threads?: number
}

export function addTrainDisco(train: Command): void {
  train
    .command('disco')
    .summary('when a draft model should stop guessing (DISCO)')
    .description(
      'Lets a draft model guess far ahead on prompts, logs what it thought of its guesses and which the target accepted, ' +
        'and trains a small classifier that "--drafter draft:disco" asks after each guess whether to go on. ' +
        'How far it lets the draft model go is chosen by what passes cost on this machine.',
    )
    .argument('<model-folder>', 'the target, with its draft model in the folder "draft" of it or in --draft')
    .option('--draft <folder>', 'the draft model, of the same tokenizer')
    .option(
      '--prompts <files...>',
      'JSONL, with commas or spaces between them: { "prompt", "task"? } a line, or questions of a suite',
      files,
    )
    .option('--out <file>', `the classifier to write (default: ${discoFileName} in the folder of the draft model)`)
    .option('--log <file>', 'keep the log, to train from it again')
    .addOption(
      new Option('--from-log <file>', 'train from such a log, without running models').conflicts(['prompts', 'log']),
    )
    .option('--max-guesses <n>', 'guesses per step while logging, and the most there can be', integer(1), 8)
    .option('--count <n>', 'prompts to ask (default: all)', integer(1))
    .option('--max-tokens <n>', 'tokens per text at most', integer(2), 128)
    .option('--temperature <t>', 'of the logged texts; 0: greedy', sampling('temperature'), 0)
    .option('--epochs <n>', 'times to see each guess', integer(1), 40)
    .option('--validation-share <x>', 'share of the texts to judge by and to choose the threshold on', share, 0.2)
    .option('--seed <n>', 'of the order of prompts, of texts, of the split and of the training', integer(0), 1)
    .addOption(new Option('--dtype <dtype>', 'how weights are stored and multiplied').choices(dtypes).default('f32'))
    .addOption(new Option('--executor <name>', 'what computes (default: auto)').choices(executorNames))
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
    .addHelpText(
      'after',
      `
Examples:
  $ paceline train disco ./model --prompts questions.jsonl --count 200 --log runs/guesses.jsonl
  $ paceline train disco ./model --from-log runs/guesses.jsonl --epochs 100
  $ paceline generate ./model "Once upon a time" --drafter draft:disco

The first Ctrl-C ends the logging after the texts that are whole, the second the process.`,
    )
    .action(run)
}

async function run(folder: string, flags: Flags): Promise<void> {
  const out = flags.out ?? join(flags.draft ?? join(folder, draftFolder), discoFileName)
  await requireWritableFolder(out)
  const log = flags.fromLog === undefined ? await makeLog(folder, flags) : await readDraftLog(flags.fromLog)
  if (log === undefined) return
  const { seed, epochs, validationShare } = flags
  const trained = trainDisco(log, { seed, epochs, validationShare })
  await replaceText(out, `${JSON.stringify(trained.file)}\n`)
  process.stdout.write(renderDisco(out, trained))
}

/** Runs the models. Undefined where a signal came before all prompts were asked. */
async function makeLog(folder: string, flags: Flags): Promise<DraftLog | undefined> {
  const { prompts, draft, out, log, count, maxGuesses, maxTokens, temperature, seed, dtype } = flags
  if (prompts === undefined)
    throw new PacelineError('argument', 'give --prompts FILES to run the models on, or --from-log FILE of such a run')
  if (log !== undefined) await requireWritableFolder(log)
  const pool = await readPrompts(prompts)
  const { executor } = chooseExecutor({
    ...(flags.executor && { executor: flags.executor }),
    ...(flags.threads && { threads: flags.threads }),
  })
  const reporter = discoProgress()
  using interrupted = interruption()
  const made = await makeDraftLog({
    ...{ folder, pool, maxGuesses, maxTokens, temperature, seed, dtype, executor, reporter },
    ...(draft !== undefined && { draft }),
    ...(count !== undefined && { count }),
    ...(log !== undefined && { path: log }),
    signal: interrupted.signal,
  }).finally(reporter.clear)
  if (made.complete) return made
  const paths = [...(draft === undefined ? [] : ['--draft', draft]), ...(out === undefined ? [] : ['--out', out])]
  remark(
    log === undefined
      ? 'interrupted; nothing is kept, as it would be with --log FILE'
      : `interrupted; train from the ${made.texts.length} texts in the log with: ` +
          commandLine(['train', 'disco', folder, ...paths, '--from-log', log]),
  )
  return undefined
}

function files(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').filter((name) => name !== '')]
}
