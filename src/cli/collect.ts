import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { type Dtype, dtypes } from '../checkpoint/index.ts'
import { loadModel, type Model } from '../engine/index.ts'
import { PacelineError } from '../errors.ts'
import { type ExecutorName, executorNames } from '../runtime/index.ts'
import {
  type Collected,
  collectAnswers,
  identifyTarget,
  readPrompts,
  requireCollectable,
  type TargetIdentity,
} from '../training/index.ts'
import { collectReport } from './collect-report.ts'
import { requireWritableFolder } from './files.ts'
import { interruption } from './interruption.ts'
import { drafter, integer, sampling, texts } from './options.ts'
import { bytes, count, percent, progressLine, remark, table } from './terminal.ts'
import { commandLine, share } from './train-options.ts'

interface Flags {
  readonly prompts: readonly string[]
  readonly out: string
  readonly count?: number
  readonly taskMix: number
  readonly maxTokens: number
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly seed: number
  readonly drafter: string
  readonly dtype: Dtype
  readonly executor?: ExecutorName
  readonly threads?: number
  readonly resume?: boolean
  readonly force?: boolean
}

export function addCollect(program: Command): void {
  program
    .command('collect')
    .summary("collect a model's own answers, to train drafters on")
    .description(
      'Asks a model many prompts and keeps its answers, a line { task, prompt, response, finish, tokens } each, as ' +
        '"paceline data" reads them. Prompts are the user\'s turn of a conversation where the model has a chat template, ' +
        'and plain text to continue where it has none. "finish" is "length" where an answer was cut off. An answer ' +
        'follows from model, prompt, its place in the files, seed and sampling: not from which other prompts are asked.',
    )
    .argument('<model-folder>', 'a Llama-family model: config.json, tokenizer.json, *.safetensors')
    .requiredOption(
      '--prompts <files...>',
      'JSONL: { "prompt", "task"? } a line, other fields ignored, or questions { "question_id", "category", "turns" }',
      texts,
    )
    .requiredOption('--out <file>', 'the file of answers to make; beside it comes FILE.collect.json')
    .option('--count <n>', 'prompts to ask (default: all); more are asked by going on with a larger number', integer(1))
    .option('--task-mix <x>', 'exponent of the share of each task: 1 as the files are, 0 all alike', share, 1)
    .option('--max-tokens <n>', 'cut an answer off after this many tokens', integer(1), 256)
    .option('--temperature <t>', 'divides the logits; 0 takes the likeliest token', sampling('temperature'), 1)
    .option('--top-k <k>', 'draw from the k likeliest tokens only; 0: from all', sampling('topK'), 0)
    .option('--top-p <p>', 'draw from the likeliest tokens that make up this probability', sampling('topP'), 1)
    .option('--seed <n>', 'of the order of the prompts and of the answers', integer(0), 1)
    .option('--drafter <name[:variant][=path]>', 'who guesses ahead; the answers are the same', drafter, 'none')
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

The first Ctrl-C ends the collection after the answers that are whole, the second the process.`,
    )
    .action(collect)
}

async function collect(folder: string, flags: Flags): Promise<void> {
  const { prompts, out, resume = false, force = false, count: limit, seed, taskMix } = flags
  await requireWritableFolder(out)
  if (prompts.some((file) => resolve(file) === resolve(out)))
    throw new PacelineError('argument', `--out: ${out} is one of the files of prompts. Name another file.`)
  await requireCollectable(out, resume ? 'resume' : force ? 'replace' : 'new')
  const pool = await readPrompts(prompts)
  const { target, model } = await load(folder, flags)
  await using _ = model
  const report = collectReport(pool, target.chatFormat !== null)
  // Not before: while a model loads, a signal ends the process at once.
  using interrupted = interruption()
  const collected = await collectAnswers({
    ...{ model, target, pool, path: out, resume, taskMix, seed },
    ...(limit !== undefined && { count: limit }),
    request: { maxTokens: flags.maxTokens, temperature: flags.temperature, topK: flags.topK, topP: flags.topP },
    drafter: flags.drafter,
    signal: interrupted.signal,
    reporter: report,
  }).finally(report.clear)
  process.stdout.write(render(out, collected))
  if (!collected.complete) remark(`interrupted; go on with: ${resumption(process.argv.slice(2))}`)
}

async function load(
  folder: string,
  { dtype, executor, threads }: Flags,
): Promise<{ target: TargetIdentity; model: Model }> {
  const progress = progressLine()
  try {
    const target = await identifyTarget(folder)
    const onProgress = (share: number) => progress.update('loading', share)
    const model = await loadModel(folder, {
      dtype,
      ...(executor && { executor }),
      ...(threads && { threads }),
      onProgress,
    })
    return { target, model }
  } finally {
    progress.clear()
  }
}

/** The same command, going on. */
function resumption(args: readonly string[]): string {
  return commandLine([...args.filter((arg) => arg !== '--force' && arg !== '--resume'), '--resume'])
}

function render(out: string, { tally, bytes: size }: Collected): string {
  const rows = [...Object.entries(tally.byTask), ['all', tally.all] as const].map(([task, counts]) => [
    task,
    count(counts.answers),
    count(counts.tokens),
    counts.answers === 0 ? '-' : (counts.tokens / counts.answers).toFixed(1),
    counts.answers === 0 ? '-' : percent(counts.ended / counts.answers),
  ])
  return `${out}: ${bytes(size)}\n${table([['task', 'answers', 'tokens', 'mean length', 'ended by themselves'], ...rows])}`
}
