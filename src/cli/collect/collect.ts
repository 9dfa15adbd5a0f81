import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { type Dtype, dtypes, openCheckpoint } from '../../checkpoint/index.ts'
import { type LoadedModel, loadModel, type Model } from '../../engine/index.ts'
import { PacelineError } from '../../errors.ts'
import { loadTargetModel } from '../../model/index.ts'
import { chooseExecutor, type ExecutorName, executorNames } from '../../runtime/index.ts'
import {
  blockSizes,
  type CollectWhat,
  collectAnswers,
  collectTrajectories,
  identifyTarget,
  readPrompts,
  requireCollectable,
  type TargetIdentity,
} from '../../training/index.ts'
import { commandLine, flagGiven } from '../command-line.ts'
import { requireWritableFolder } from '../files.ts'
import { interruption } from '../interruption.ts'
import { drafter, integer, integerBetween, modelFolder, sampling, share, texts } from '../options.ts'
import { bytes, progressLine, remark } from '../terminal.ts'

import { collectReport } from './report.ts'
import { renderAnswers, renderConvergence } from './tables.ts'

interface Flags {
  readonly prompts: readonly string[]
  readonly out: string
  readonly count?: number
  readonly taskMix: number
  readonly maxTokens: number
  readonly temperature?: number
  readonly topK: number
  readonly topP: number
  readonly seed: number
  readonly drafter: string
  readonly trajectories?: boolean
  readonly block: number
  readonly dtype: Dtype
  readonly executor?: ExecutorName
  readonly threads?: number
  readonly resume?: boolean
  readonly force?: boolean
}

export function addCollect(program: Command): void {
  const command = program
    .command('collect')
    .summary("collect a model's own answers, to train drafters on")
    .description(
      'Asks a model many prompts and keeps its answers, a line { task, prompt, response, finish, tokens } each, as ' +
        '"paceline data" reads them. Prompts are the user\'s turn of a conversation where the model has a chat template, ' +
        'and plain text to continue where it has none. "finish" is "length" where an answer was cut off. An answer ' +
        'follows from model, prompt, its place in the files, seed and sampling: not from which other prompts are asked. ' +
        'With --trajectories a line has further fields: { block, promptIds, blocks: [{ tokens, iterates }] }, how Jacobi ' +
        'decoding came to each block of the answer, for "paceline train cllm".',
    )
    .argument('<model-folder>', modelFolder)
    .requiredOption(
      '--prompts <files...>',
      'JSONL: { "prompt", "task"? } a line, other fields ignored, or questions { "question_id", "category", "turns" }',
      texts,
    )
    .requiredOption('--out <file>', 'the file of answers to make; beside it comes FILE.collect.json')
    .option('--count <n>', 'prompts to ask (default: all); more are asked by going on with a larger number', integer(1))
    .option('--task-mix <x>', 'exponent of the share of each task: 1 as the files are, 0 all alike', share, 1)
    .option('--max-tokens <n>', 'cut an answer off after this many tokens', integer(1), 256)
    .option(
      '--temperature <t>',
      'divides the logits; 0 takes the likeliest token (default: 1; of trajectories 0)',
      sampling('temperature'),
    )
    .option('--top-k <k>', 'draw from the k likeliest tokens only; 0: from all', sampling('topK'), 0)
    .option('--top-p <p>', 'draw from the likeliest tokens that make up this probability', sampling('topP'), 1)
    .option('--seed <n>', 'of the order of the prompts and of the answers', integer(0), 1)
    .option('--drafter <name[:variant][=path]>', 'who guesses ahead; the answers are the same', drafter, 'none')
    .option('--trajectories', 'keep how Jacobi decoding comes to the answers; those that repeat themselves are dropped')
    .option(
      '--block <n>',
      `tokens of a block of trajectories, ${blockSizes.least} to ${blockSizes.most}`,
      integerBetween(blockSizes.least, blockSizes.most),
      16,
    )
    .addOption(new Option('--dtype <dtype>', 'how weights are stored and multiplied').choices(dtypes).default('f32'))
    .addOption(new Option('--executor <name>', 'what computes (default: auto)').choices(executorNames))
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
    .option('--resume', 'go on with the answers in --out; model, prompts, seed and sampling have to be the same')
    .addOption(new Option('--force', 'replace a file that is there').conflicts('resume'))
    .addHelpText(
      'after',
      `
Examples:
  $ paceline collect ./model --prompts questions.jsonl --out answers.jsonl --count 2000 --drafter prompt-lookup
  $ paceline collect ./model --prompts questions.jsonl --out answers.jsonl --count 2000 --resume
  $ paceline data --input answers.jsonl --out runs/answers --tokenizer ./model
  $ paceline collect ./model --prompts questions.jsonl --out trajectories.jsonl --trajectories --block 16

The first Ctrl-C ends the collection after the answers that are whole, the second the process.`,
    )
    .action(async (folder: string, flags: Flags) => {
      const wrong = flagGiven(command, [flags.trajectories ? 'drafter' : 'block'])
      if (wrong !== undefined)
        throw new PacelineError(
          'argument',
          flags.trajectories
            ? `trajectories have a drafter of their own: leave out ${wrong}`
            : `${wrong} goes with --trajectories`,
        )
      await collect(folder, flags)
    })
}

async function collect(folder: string, flags: Flags): Promise<void> {
  const { prompts, out, resume = false, force = false, count: limit, seed, taskMix, trajectories = false } = flags
  await requireWritableFolder(out)
  if (prompts.some((file) => resolve(file) === resolve(out)))
    throw new PacelineError('argument', `--out: ${out} is one of the files of prompts. Name another file.`)
  await requireCollectable(out, resume ? 'resume' : force ? 'replace' : 'new')
  const pool = await readPrompts(prompts)
  const target = await identifyTarget(folder)
  const reporter = collectReport(pool, target.chatFormat !== null)
  const what: What = {
    ...{ pool, path: out, resume, taskMix, seed, reporter },
    ...(limit !== undefined && { count: limit }),
  }
  const complete = await (trajectories ? keepTrajectories : keepAnswers)(folder, flags, target, what)
  if (!complete) remark(`interrupted; go on with: ${resumption(process.argv.slice(2))}`)
}

type What = CollectWhat & { readonly reporter: ReturnType<typeof collectReport> }

/** Both return whether all was asked. They hear of signals once the model is loaded: before, one ends the process at once. */
async function keepAnswers(folder: string, flags: Flags, target: TargetIdentity, what: What): Promise<boolean> {
  await using model = await loading((onProgress) => loadInThread(folder, flags, onProgress))
  using interrupted = interruption()
  const { maxTokens, temperature = 1, topK, topP, drafter } = flags
  const { tally, bytes, complete } = await collectAnswers({
    ...{ ...what, model, target, drafter, signal: interrupted.signal },
    request: { maxTokens, temperature, topK, topP },
  }).finally(what.reporter.clear)
  process.stdout.write(`${sizeOf(what.path, bytes)}${renderAnswers(tally)}`)
  return complete
}

async function keepTrajectories(folder: string, flags: Flags, target: TargetIdentity, what: What) {
  await using loaded = await loading((onProgress) => loadHere(folder, flags, onProgress))
  using interrupted = interruption()
  const { block, maxTokens, temperature = 0, topK, topP } = flags
  const request = { maxTokens, temperature, topK, topP }
  const options = { ...what, model: loaded, target, block, request, signal: interrupted.signal }
  const { tally, bytes, complete } = await collectTrajectories(options).finally(what.reporter.clear)
  process.stdout.write(`${sizeOf(what.path, bytes)}${renderAnswers(tally.answers)}\n${renderConvergence(tally)}`)
  return complete
}

async function loading<T>(load: (onProgress: (share: number) => void) => Promise<T>): Promise<T> {
  const progress = progressLine()
  return load((share) => progress.update('loading', share)).finally(progress.clear)
}

function loadInThread(
  folder: string,
  { dtype, executor, threads }: Flags,
  onProgress: (share: number) => void,
): Promise<Model> {
  return loadModel(folder, { dtype, ...(executor && { executor }), ...(threads && { threads }), onProgress })
}

/** In this thread: trajectories are what the decode loop tells its drafter. */
async function loadHere(
  folder: string,
  { dtype, executor: name, threads }: Flags,
  onProgress: (share: number) => void,
): Promise<LoadedModel & AsyncDisposable> {
  const { executor } = chooseExecutor({ ...(name && { executor: name }), ...(threads && { threads }) })
  const checkpoint = await openCheckpoint(folder)
  try {
    const model = await loadTargetModel(checkpoint.spec, checkpoint.source, { executor, dtype, onProgress })
    const dispose = async () => {
      await model.dispose()
      await checkpoint.close()
    }
    return { checkpoint, model, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await checkpoint.close()
    throw error
  }
}

/** The same command, going on. */
function resumption(args: readonly string[]): string {
  return commandLine([...args.filter((arg) => arg !== '--force' && arg !== '--resume'), '--resume'])
}

function sizeOf(out: string, size: number): string {
  return `${out}: ${bytes(size)}\n`
}
