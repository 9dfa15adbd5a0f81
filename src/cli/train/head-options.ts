import { type Command, Option } from 'commander'
import { type Dtype, dtypes } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { languageModelDefaults, type TrainedTask } from '../../training/index.ts'
import { commandLine, flagGiven } from '../command-line.ts'
import { above, integer, share } from '../options.ts'
import { count, percent, remark } from '../terminal.ts'
import { packedData } from './head-data.ts'
import {
  addTrainOptions,
  budgetOf,
  recordedOptions,
  remarkInterrupted,
  resolveTrainFlags,
  scheduleOf,
  type TrainFlags,
} from './options.ts'

/** The flags that every training of a head for a target has. */
export interface HeadFlags extends TrainFlags {
  readonly target?: string
  readonly data?: string
  readonly dtype: Dtype
  readonly init?: string
  readonly draftVocab?: number
  readonly sequences: number
  readonly length: number
  readonly taskMix: number
  readonly decay: number
  readonly clip: number
  readonly seed: number
  readonly threads?: number
}

/** What a training is of, said in its description. */
export function describeHead(command: Command, about: string): Command {
  return describeFor(command, about).option(
    '--draft-vocab <n>',
    'tokens that the head knows, the most frequent ones (default: all)',
    integer(1),
  )
}

/** The same of what knows all tokens, since it speaks through its target. */
export function describeFor(command: Command, about: string): Command {
  return command
    .summary(about)
    .description(
      `Trains ${about} for a target, on the target's own answers (paceline collect), packed or not (paceline data). ` +
        'What the target makes of them is computed on the way. While it trains, "accepted n" is the share of places where the first ' +
        'n guesses of a chain are right, and "tau" what they would make: tokens per forward in greedy decoding.',
    )
    .option('--target <folder>', 'the model to draft for')
    .option(
      '--data <path>',
      'its answers: JSONL as "paceline collect" writes it, or the folder that "paceline data" packed them into, with the ' +
        'target as --tokenizer',
    )
    .addOption(
      new Option('--dtype <dtype>', 'how the target runs, as it will when the head drafts for it')
        .choices(dtypes)
        .default('f32'),
    )
    .option('--init <folder>', 'begin with what such a run has made: its shape and its weights')
}

/** The options that follow those of a method; `drafter` is the name by which its heads draft. */
export function addHeadRunOptions(command: Command, drafter: string): Command {
  command
    .option('--sequences <n>', 'sequences per batch', integer(1), 4)
    .option('--length <n>', 'tokens per sequence', integer(2), 512)
    .option('--task-mix <x>', 'exponent of the share of each task: 1 as the data are, 0 all alike', share, 1)
    .option('--decay <x>', 'weight decay, of matrices', share, 0.01)
    .option('--clip <x>', 'largest global norm of the gradient', above(0), languageModelDefaults.clip)
    .option('--seed <n>', 'of initial weights, noise and the order of the data', integer(0), 1)
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
  return addTrainOptions(command).addHelpText(
    'after',
    `
Examples:
  $ paceline collect ./model --prompts prompts.jsonl --out answers.jsonl --temperature 0
  $ paceline train ${command.name()} --target ./model --data answers.jsonl --out ./runs/${command.name()} --minutes 30
  $ paceline generate ./model "Once upon a time" --drafter ${drafter}=./runs/${command.name()}/model

The first Ctrl-C ends the run after the update in progress, with a checkpoint; the second ends the process.`,
  )
}

/**
 * The flags as of `resolveTrainFlags`. Throws code `argument` where --init comes with one of `shapeFlags`, which say what a
 * head that is there says itself.
 */
export async function resolveHeadFlags<F extends HeadFlags>(command: Command, shapeFlags: readonly string[]) {
  const flags = await resolveTrainFlags<F>(command)
  const given = flagGiven(command, shapeFlags, ['cli', command.getOptionValueSource('init')])
  if (flags.init !== undefined && given !== undefined)
    throw new PacelineError('argument', `the head of --init has its own shape: leave out ${given}, or --init`)
  return flags
}

/** What these flags say of a run, whatever the method is. Throws code `argument` without --target, --data or a limit. */
export async function headRunOf(flags: HeadFlags & { readonly out: string }, shapeFlags: readonly string[]) {
  const { target, data, out, resume = false, dtype, sequences, length, taskMix, seed, decay, clip } = flags
  if (target === undefined) throw new PacelineError('argument', 'give --target FOLDER: the model to draft for')
  if (data === undefined)
    throw new PacelineError(
      'argument',
      'give --data: answers as JSONL, or the folder that "paceline data" packed them into',
    )
  const budget = budgetOf(flags)
  const { accumulate, evalEvery, checkpointEvery, keep } = flags
  return {
    ...{
      target,
      data: await packedData({ data, target, out, resume }),
      out,
      dtype,
      sequences,
      length,
      taskMix,
      seed,
      accumulate,
      checkpointEvery,
      keep,
      resume,
    },
    ...(flags.draftVocab !== undefined && { draftVocab: flags.draftVocab }),
    ...(flags.threads !== undefined && { threads: flags.threads }),
    optimiser: { decay, betas: languageModelDefaults.betas, clip },
    schedule: scheduleOf(flags),
    budget,
    evaluateEvery: evalEvery,
    command: commandLine(),
    options: recordedOptions(flags, flags.init === undefined ? [] : shapeFlags),
  }
}

/** Says what a head that is to be trained knows. */
export function remarkVocabulary(draftVocabSize: number, vocabSize: number, coverage: number): void {
  remark(
    `a head that knows ${count(draftVocabSize)} of ${count(vocabSize)} tokens, ${percent(coverage)} of what the answers are made of`,
  )
}

/** Says what has become of a run: the head, or how to go on. `chain`: guesses one after another that tau is about. */
export function reportHead(trained: TrainedTask, method: string, out: string, chain: number) {
  if (remarkInterrupted(trained, method, out)) return
  const { model, update, state } = trained
  const tau = state.best?.metrics?.tau
  process.stdout.write(
    `${model}: the head after update ${count(update!)}${tau === undefined ? '' : `, expected tau ${tau.toFixed(2)} with chains of ${chain}`}\n`,
  )
}
