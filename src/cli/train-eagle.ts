import { type Command, Option } from 'commander'
import { type Dtype, dtypes, type EagleKind } from '../checkpoint/index.ts'
import { PacelineError } from '../errors.ts'
import { eagleDefaults, languageModelDefaults, trainEagle } from '../training/index.ts'
import { interruption } from './interruption.ts'
import { integer } from './options.ts'
import { flagGiven } from './shape-options.ts'
import { count, percent, remark } from './terminal.ts'
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

interface Flags extends TrainFlags {
  readonly target?: string
  readonly data?: string
  readonly dtype: Dtype
  readonly init?: string
  readonly draftVocab?: number
  readonly taps?: readonly number[]
  readonly ff?: number
  readonly steps: number
  readonly stepDecay: number
  readonly featureWeight: number
  readonly tokenWeight: number
  readonly noise: number
  readonly sequences: number
  readonly length: number
  readonly taskMix: number
  readonly decay: number
  readonly clip: number
  readonly seed: number
  readonly threads?: number
}

/** What a head that is there says itself. */
const shapeFlags = ['draftVocab', 'taps', 'ff']

const abouts: Readonly<Record<EagleKind, string>> = {
  eagle: 'an EAGLE head (EAGLE-1 and EAGLE-2)',
  eagle3: 'an EAGLE-3 head',
}

export function addTrainEagle(train: Command): void {
  for (const kind of ['eagle', 'eagle3'] as const) addKind(train, kind)
}

function addKind(train: Command, kind: EagleKind): void {
  const defaults = eagleDefaults[kind]
  const command = train
    .command(kind)
    .summary(abouts[kind])
    .description(
      `Trains ${abouts[kind]} for a target, on a packed dataset of the target's own answers (paceline collect, then paceline data). ` +
        'What the target makes of them is computed on the way. While it trains, "accepted n" is the share of places where the first ' +
        'n guesses of a chain are right, and "tau" what they would make: tokens per forward in greedy decoding.',
    )
    .option('--target <folder>', 'the model to draft for')
    .option('--data <folder>', 'the dataset, packed by "paceline data" with the target as --tokenizer')
    .addOption(
      new Option('--dtype <dtype>', 'how the target runs, as it will when the head drafts for it')
        .choices(dtypes)
        .default('f32'),
    )
    .option('--init <folder>', 'begin with this head: its shape, its tokens and its weights')
    .option('--draft-vocab <n>', 'tokens that the head knows, the most frequent ones (default: all)', integer(1))
    .option('--ff <n>', 'width of its feed-forward layer (default: as in the target)', integer(1))
    .option(
      '--steps <n>',
      'times that it is run on what it made itself, and learns from it',
      integer(1),
      defaults.steps,
    )
    .option('--step-decay <x>', 'what each of them counts beside the one before', share, defaults.decay)
    .option('--token-weight <x>', "weight of the target's distribution in the loss", above(0), defaults.tokenWeight)
  if (kind === 'eagle')
    command
      .option('--feature-weight <x>', "weight of the target's features in the loss", above(0), defaults.featureWeight)
      .option('--noise <x>', 'amplitude of the noise on the features it is given', share, defaults.noise)
  else command.option('--taps <layers>', 'layers whose outputs it reads, from 0 (default: 1,L/2-1,L-4)', layers)
  command
    .option('--sequences <n>', 'sequences per batch', integer(1), 4)
    .option('--length <n>', 'tokens per sequence', integer(2), 512)
    .option('--task-mix <x>', 'exponent of the share of each task: 1 as the data are, 0 all alike', share, 1)
    .option('--decay <x>', 'weight decay, of matrices', share, 0.01)
    .option('--clip <x>', 'largest global norm of the gradient', above(0), languageModelDefaults.clip)
    .option('--seed <n>', 'of initial weights, noise and the order of the data', integer(0), 1)
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
  addTrainOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ paceline collect ./model --prompts prompts.jsonl --out answers.jsonl --temperature 0
  $ paceline data --input answers.jsonl --tokenizer ./model --out ./packed
  $ paceline train ${kind} --target ./model --data ./packed --out ./runs/${kind} --minutes 30
  $ paceline generate ./model --drafter ${kind === 'eagle' ? 'eagle2' : kind}=./runs/${kind}/model

The first Ctrl-C ends the run after the update in progress, with a checkpoint; the second ends the process.`,
    )
    .action(async () => {
      const flags = await resolveTrainFlags<Flags>(command)
      const given = flagGiven(command, shapeFlags, ['cli', command.getOptionValueSource('init')])
      if (flags.init !== undefined && given !== undefined)
        throw new PacelineError('argument', `the head of --init has its own shape: leave out ${given}, or --init`)
      await run(kind, flags)
    })
}

async function run(kind: EagleKind, flags: Flags & { readonly out: string }): Promise<void> {
  const { target, data, out, resume = false, steps, stepDecay, tokenWeight, decay, clip } = flags
  if (target === undefined) throw new PacelineError('argument', 'give --target FOLDER: the model to draft for')
  if (data === undefined) throw new PacelineError('argument', 'give --data FOLDER: a dataset packed by "paceline data"')
  const { dtype, sequences, length, taskMix, seed, accumulate, evalEvery, checkpointEvery, keep } = flags
  const { noise = 0, featureWeight = 0 } = flags
  const report = trainingReport()
  using interrupted = interruption()
  try {
    const { model, update, state, checkpoint } = await trainEagle({
      ...{
        target,
        data,
        out,
        dtype,
        sequences,
        length,
        taskMix,
        seed,
        noise,
        accumulate,
        checkpointEvery,
        keep,
        resume,
      },
      head: flags.init ?? {
        kind,
        ...(flags.taps && { taps: flags.taps }),
        ...(flags.ff !== undefined && { intermediateSize: flags.ff }),
      },
      ...(flags.draftVocab !== undefined && { draftVocab: flags.draftVocab }),
      ...(flags.threads !== undefined && { threads: flags.threads }),
      objective: { steps, decay: stepDecay, featureWeight, tokenWeight },
      optimiser: { decay, betas: languageModelDefaults.betas, clip },
      schedule: scheduleOf(flags),
      budget: budgetOf(flags),
      evaluateEvery: evalEvery,
      command: commandLine(),
      options: recordedOptions(flags, flags.init === undefined ? [] : shapeFlags),
      signal: interrupted.signal,
      reporter: report,
      onOpened({ head, coverage }) {
        if (head.kind !== kind)
          throw new PacelineError('argument', `the head of --init is of kind ${head.kind}: train it as that`)
        remark(
          `a head that knows ${count(head.draftVocabSize)} of ${count(head.vocabSize)} tokens, ${percent(coverage)} of what the answers are made of`,
        )
      },
    })
    report.clear()
    if (model === null) {
      remark(`stopped after update ${count(state.updates)}; checkpoint: ${checkpoint}`)
      remark(`go on with: paceline train ${kind} --resume --out ${out}`)
      return
    }
    const tau = state.best?.metrics?.tau
    process.stdout.write(
      `${model}: the head after update ${count(update!)}${tau === undefined ? '' : `, expected tau ${tau.toFixed(2)} with chains of ${steps}`}\n`,
    )
  } finally {
    report.clear()
  }
}

function layers(text: string): number[] {
  return text.split(',').map((part) => integer(0)(part))
}
