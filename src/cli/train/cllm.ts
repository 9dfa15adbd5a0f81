import type { Command } from 'commander'
import { PacelineError } from '../../errors.ts'
import { consistencyDefaults as defaults, trainConsistency } from '../../training/index.ts'
import { commandLine } from '../command-line.ts'
import { interruption } from '../interruption.ts'
import { integer, numberAtLeast, share, textList } from '../options.ts'
import { count, remark } from '../terminal.ts'
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

interface Flags extends TrainFlags, ModelFlags, AdapterFlags {
  readonly init?: string
  readonly data?: readonly string[]
  readonly teacher?: string
  readonly validation: number
  readonly iterates: number
  readonly augment: number
  readonly arWeight: number
  readonly guard: number
}

export function addTrainCllm(train: Command): void {
  const command = train
    .command('cllm')
    .summary('a model that Jacobi decoding is fast with (CLLM)')
    .description(
      'Tunes a model on trajectories of its own Jacobi decoding (paceline collect --trajectories), so that it says behind a ' +
        'wrong guess what it says behind the right text. Decoded with "--drafter jacobi:N" it writes several tokens a pass, with ' +
        'N rows of at most the block of the trajectories (bench tells which pays; "+ngrams" helps): its own greedy text, and no ' +
        'longer that of the model it was. While it trains, "kl" is the ' +
        'divergence that is learned away, "ar" the loss of plain text, and "tau" what a pass would decide behind such ' +
        'iterates.',
    )
    .option('--init <folder>', 'the model to tune: the one whose trajectories these are')
    .option('--data <files>', 'trajectories, JSONL; several with commas between them', textList)
    .option('--teacher <folder>', 'a model that stays as it is and says what is right (default: the model itself)')
    .option('--validation <x>', 'share of the prompts that is not trained on', share, defaults.validation)
    .option('--iterates <n>', 'room behind each sequence, in iterates of a whole block', integer(1), defaults.iterates)
    .option('--augment <x>', 'share of iterates of which half the errors are corrected', share, defaults.augment)
    .option('--ar-weight <x>', 'what plain text counts beside iterates', numberAtLeast(0), defaults.arWeight)
    .option(
      '--guard <x>',
      'ends the run when the validation loss of plain text is higher than before by this share',
      numberAtLeast(0),
      defaults.guard,
    )
  const { sequences, length, decay, learningRate, evaluateEvery } = defaults
  addAdapterOptions(command)
  addModelOptions(command, { sequences, length, decay })
  addTrainOptions(command, { learningRate, evaluateEvery })
    .addHelpText(
      'after',
      `
Examples:
  $ paceline collect ./model --prompts prompts.jsonl --out trajectories.jsonl --trajectories --block 16
  $ paceline train cllm --init ./model --data trajectories.jsonl --out ./runs/cllm --minutes 30
  $ paceline generate ./runs/cllm/model "Once upon a time" --drafter jacobi:6+ngrams

The first Ctrl-C ends the run after the update in progress, with a checkpoint; the second ends the process.`,
    )
    .action(async () => run(await resolveTrainFlags<Flags>(command)))
}

async function run(flags: Flags & { readonly out: string }): Promise<void> {
  const { init, data, teacher, threads, out, resume = false, guard, decay, betas, clip } = flags
  if (init === undefined) throw new PacelineError('argument', 'give --init FOLDER: the model to tune')
  if (data === undefined)
    throw new PacelineError('argument', 'give --data FILES: trajectories of "paceline collect --trajectories"')
  const { validation, iterates, augment, arWeight, sequences, length, taskMix, seed } = flags
  const { accumulate, evalEvery, checkpointEvery, keep } = flags
  const report = trainingReport()
  using interrupted = interruption()
  try {
    const trained = await trainConsistency({
      ...{ init, data, validation, iterates, augment, arWeight, guard, sequences, length, taskMix, seed },
      ...{ out, resume, accumulate, checkpointEvery, keep },
      ...(teacher !== undefined && { teacher }),
      ...(threads !== undefined && { threads }),
      ...lowRankOf(flags),
      optimiser: { decay, betas, clip },
      schedule: scheduleOf(flags),
      budget: budgetOf(flags),
      evaluateEvery: evalEvery,
      command: commandLine(),
      options: recordedOptions(flags),
      signal: interrupted.signal,
      reporter: report,
    })
    report.clear()
    if (remarkInterrupted(trained, 'cllm', out)) return
    const { model, update, reason, state } = trained
    const { ar: now } = state.evaluated?.metrics ?? {}
    const { ar: before } = state.baseline?.metrics ?? {}
    if (reason === 'guarded')
      remark(
        `stopped after update ${count(state.updates)}: on validation text the loss is ${now.toFixed(4)}, more than ` +
          `${Number((100 * guard).toFixed(2))} % above ${before.toFixed(4)} before training. Train with a lower --learning-rate or a larger ` +
          '--ar-weight, or allow more with --guard.',
      )
    const { kl, ar, tau } = state.best?.metrics ?? {}
    process.stdout.write(
      `${model}: the model after update ${count(update!)}, validation kl ${kl.toFixed(4)}, ar ${ar.toFixed(4)} ` +
        `(before ${before.toFixed(4)}), expected tau ${tau.toFixed(2)} (before ${state.baseline!.metrics!.tau.toFixed(2)})\n`,
    )
  } finally {
    report.clear()
  }
}
