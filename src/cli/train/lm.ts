import type { Command } from 'commander'
import { PacelineError } from '../../errors.ts'
import { trainLanguageModel } from '../../training/index.ts'
import { commandLine, flagGiven } from '../command-line.ts'
import { interruption } from '../interruption.ts'
import { integer, share } from '../options.ts'
import { addShapeOptions, type ShapeFlags, shapeFlagNames, shapeOf } from '../shape-options.ts'
import { count } from '../terminal.ts'
import {
  type AdapterFlags,
  addAdapterOptions,
  addModelOptions,
  addTrainOptions,
  budgetOf,
  lowRankOf,
  type ModelFlags,
  recordedOptions,
  remarkInterrupted,
  resolveTrainFlags,
  scheduleOf,
  type TrainFlags,
} from './options.ts'
import { trainingReport } from './report.ts'

interface Flags extends TrainFlags, ModelFlags, AdapterFlags, ShapeFlags {
  readonly data?: string
  readonly init?: string
  readonly teacher?: string
  readonly teacherShare: number
  readonly context?: number
}

export function addTrainLm(train: Command): void {
  const command = train
    .command('lm')
    .summary('a language model')
    .description(
      'Trains a language model of the Llama family on a packed dataset, from random weights or from a model.',
    )
    .option('--data <folder>', 'the dataset, packed by "paceline data"')
    .option('--init <folder>', 'begin with the weights and the shape of this model')
    .option('--teacher <folder>', 'also learn the distributions of this model, of the same tokenizer (distillation)')
    .option('--teacher-share <x>', 'share of the divergence from the teacher in the loss', share, 0.5)
  addShapeOptions(command).option('--context <n>', 'positions the model is made for (default: --length)', integer(1))
  addAdapterOptions(command)
  addModelOptions(command)
  addTrainOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ paceline train lm --data ./packed --out ./runs/a --minutes 60
  $ paceline train lm --resume --out ./runs/a
  $ paceline export --run ./runs/a --out ./model --dtype f16

The first Ctrl-C ends the run after the update in progress, with a checkpoint; the second ends the process.`,
    )
    .action(async () => {
      const flags = await resolveTrainFlags<Flags>(command)
      if (flags.init !== undefined) requireNoShape(command)
      await run(flags)
    })
}

const initFlags = [...shapeFlagNames, 'context']

/**
 * Throws code `argument` where a shape is given beside a model to begin with. A file of options may hold the shape of
 * another run, which --init on the command line goes before.
 */
function requireNoShape(command: Command): void {
  const given = flagGiven(command, initFlags, ['cli', command.getOptionValueSource('init')])
  if (given !== undefined)
    throw new PacelineError('argument', `the model of --init has its own shape: leave out ${given}, or --init`)
}

async function run(flags: Flags & { readonly out: string }): Promise<void> {
  const { data, init, out, length, resume = false } = flags
  if (data === undefined) throw new PacelineError('argument', 'give --data FOLDER: a dataset packed by "paceline data"')
  if (init === undefined && flags.loraRank !== undefined)
    throw new PacelineError('argument', '--lora-rank is about a model that is there: give --init FOLDER')
  const { sequences, taskMix, seed, decay, betas, clip, accumulate, evalEvery, checkpointEvery, keep } = flags
  const report = trainingReport()
  using interrupted = interruption()
  try {
    const trained = await trainLanguageModel({
      ...{ data, out, sequences, length, taskMix, seed, decay, betas, clip, accumulate, checkpointEvery, keep, resume },
      from: init ?? shapeOf(flags, flags.context ?? length),
      ...(flags.teacher !== undefined && { teacher: { folder: flags.teacher, share: flags.teacherShare } }),
      ...(flags.threads !== undefined && { threads: flags.threads }),
      ...lowRankOf(flags),
      schedule: scheduleOf(flags),
      budget: budgetOf(flags),
      evaluateEvery: evalEvery,
      command: commandLine(),
      options: recordedOptions(flags, init === undefined ? [] : initFlags),
      signal: interrupted.signal,
      reporter: report,
    })
    report.clear()
    if (remarkInterrupted(trained, 'lm', out)) return
    const { model, update, state } = trained
    const best = state.best === null ? '' : `, validation loss ${state.best.loss.toFixed(4)}`
    process.stdout.write(`${model}: the model after update ${count(update!)}${best}\n`)
  } finally {
    report.clear()
  }
}
