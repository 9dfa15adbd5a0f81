import { type Command, InvalidArgumentError } from 'commander'
import { PacelineError } from '../errors.ts'
import { languageModelDefaults as defaults, trainLanguageModel } from '../training/index.ts'
import { interruption } from './interruption.ts'
import { integer } from './options.ts'
import { addShapeOptions, flagGiven, type ShapeFlags, shapeFlagNames, shapeOf } from './shape-options.ts'
import { count, remark } from './terminal.ts'
import {
  above,
  addTrainOptions,
  budgetOf,
  commandLine,
  recordedOptions,
  resolveTrainFlags,
  scheduleOf,
  share,
  type TrainFlags,
} from './train-options.ts'
import { trainingReport } from './training-report.ts'

interface Flags extends TrainFlags, ShapeFlags {
  readonly data?: string
  readonly init?: string
  readonly teacher?: string
  readonly teacherShare: number
  readonly context?: number
  readonly sequences: number
  readonly length: number
  readonly taskMix: number
  readonly decay: number
  readonly betas: readonly [number, number]
  readonly clip: number
  readonly seed: number
  readonly threads?: number
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
  addShapeOptions(command)
    .option('--context <n>', 'positions the model is made for (default: --length)', integer(1))
    .option('--sequences <n>', 'sequences per batch', integer(1), defaults.sequences)
    .option('--length <n>', 'tokens per sequence', integer(2), defaults.length)
    .option(
      '--task-mix <x>',
      'exponent of the share of each task: 1 as the data are, 0 all alike',
      share,
      defaults.taskMix,
    )
    .option('--decay <x>', 'weight decay, of matrices', share, defaults.decay)
    .option('--betas <b1,b2>', 'memory of the moments', betas, defaults.betas)
    .option('--clip <x>', 'largest global norm of the gradient', above(0), defaults.clip)
    .option('--seed <n>', 'of initial weights and the order of the data', integer(0), defaults.seed)
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
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
  const { sequences, taskMix, seed, decay, betas, clip, accumulate, evalEvery, checkpointEvery, keep } = flags
  const report = trainingReport()
  using interrupted = interruption()
  try {
    const { model, update, state, checkpoint } = await trainLanguageModel({
      ...{ data, out, sequences, length, taskMix, seed, decay, betas, clip, accumulate, checkpointEvery, keep, resume },
      from: init ?? shapeOf(flags, flags.context ?? length),
      ...(flags.teacher !== undefined && { teacher: { folder: flags.teacher, share: flags.teacherShare } }),
      ...(flags.threads !== undefined && { threads: flags.threads }),
      schedule: scheduleOf(flags),
      budget: budgetOf(flags),
      evaluateEvery: evalEvery,
      command: commandLine(),
      options: recordedOptions(flags, init === undefined ? [] : initFlags),
      signal: interrupted.signal,
      reporter: report,
    })
    report.clear()
    if (model === null) {
      remark(`stopped after update ${count(state.updates)}; checkpoint: ${checkpoint}`)
      remark(`go on with: paceline train lm --resume --out ${out}`)
      return
    }
    const best = state.best === null ? '' : `, validation loss ${state.best.loss.toFixed(4)}`
    process.stdout.write(`${model}: the model after update ${count(update!)}${best}\n`)
  } finally {
    report.clear()
  }
}

function betas(text: string): [number, number] {
  const values = text.split(',').map(Number)
  if (values.length !== 2 || !values.every((beta) => beta >= 0 && beta < 1))
    throw new InvalidArgumentError('Expected two numbers from 0 to below 1, such as 0.9,0.95.')
  return [values[0], values[1]]
}
