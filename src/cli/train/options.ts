import { type Command, InvalidArgumentError, Option } from 'commander'
import { PacelineError } from '../../errors.ts'
import {
  type Budget,
  languageModelDefaults as defaults,
  type LowRankOptions,
  type ScheduleName,
  type ScheduleOptions,
  scheduleDefaults,
  scheduleNames,
  type TrainedTask,
} from '../../training/index.ts'
import { applyConfigFile } from '../config-file.ts'
import { above, integer, share } from '../options.ts'
import { count, remark } from '../terminal.ts'

/** The flags that every training has. */
export interface TrainFlags {
  readonly out?: string
  readonly config?: string
  readonly resume?: boolean
  readonly accumulate: number
  readonly learningRate: number
  readonly warmup: number
  readonly schedule: ScheduleName
  readonly finalShare?: number
  readonly cooldown: number
  readonly updates?: number
  readonly tokens?: number
  readonly minutes?: number
  readonly evalEvery: number
  readonly checkpointEvery: number
  readonly keep: number
}

/** What a method does otherwise unless told. */
export interface TrainDefaults {
  readonly learningRate?: number
  readonly evaluateEvery?: number
}

export function addTrainOptions(command: Command, more: TrainDefaults = {}): Command {
  const { learningRate = scheduleDefaults.learningRate, evaluateEvery = defaults.evaluateEvery } = more
  return command
    .option('--out <folder>', 'the folder of the run: checkpoints, curve, and the model at the end')
    .option('--config <file>', 'options from a JSON file, such as the run.json of an earlier run; flags go before it')
    .option('--resume', 'go on with the run in --out, with its options')
    .option('--accumulate <n>', 'batches per update', integer(1), defaults.accumulate)
    .option('--learning-rate <x>', 'the highest learning rate', above(0), learningRate)
    .option('--warmup <n>', 'updates until the learning rate is at its highest', integer(0), scheduleDefaults.warmup)
    .addOption(
      new Option('--schedule <name>', 'how it falls').choices(scheduleNames).default(scheduleDefaults.schedule),
    )
    .option('--final-share <x>', 'the last rate as a share of the highest (default: 0.1 for cosine, else 0)', share)
    .option('--cooldown <x>', 'share of the run in which warmup-stable-decay falls', share, 0.2)
    .option('--updates <n>', 'end after this many updates', integer(1))
    .option('--tokens <n>', 'end after this many tokens', above(0))
    .option('--minutes <n>', 'end after this time', above(0))
    .option('--eval-every <n>', 'updates between evaluations', integer(1), evaluateEvery)
    .option('--checkpoint-every <n>', 'updates between checkpoints', integer(1), defaults.checkpointEvery)
    .option('--keep <n>', 'newest checkpoints to keep, besides the best', integer(1), defaults.keep)
}

/** The flags of a training of a whole model: its batches and its optimiser. */
export interface ModelFlags {
  readonly sequences: number
  readonly length: number
  readonly taskMix: number
  readonly decay: number
  readonly betas: readonly [number, number]
  readonly clip: number
  readonly seed: number
  readonly threads?: number
}

export function addModelOptions(command: Command, own: Partial<Record<keyof ModelFlags, number>> = {}): Command {
  const { sequences, length, taskMix, decay, clip, seed } = { ...defaults, ...own }
  return command
    .option('--sequences <n>', 'sequences per batch', integer(1), sequences)
    .option('--length <n>', 'tokens per sequence', integer(2), length)
    .option('--task-mix <x>', 'exponent of the share of each task: 1 as the data are, 0 all alike', share, taskMix)
    .option('--decay <x>', 'weight decay, of matrices', share, decay)
    .option('--betas <b1,b2>', 'memory of the moments', betas, defaults.betas)
    .option('--clip <x>', 'largest global norm of the gradient', above(0), clip)
    .option('--seed <n>', 'of initial weights, the order of the data and whatever else is drawn', integer(0), seed)
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
}

/** The flags of training an adapter in place of the weights themselves. */
export interface AdapterFlags {
  readonly loraRank?: number
  readonly loraAlpha?: number
}

export function addAdapterOptions(command: Command): Command {
  return command
    .option('--lora-rank <n>', 'train adapters of this rank (LoRA) and leave the weights as they are', integer(1))
    .option('--lora-alpha <x>', 'what they count is this by their rank (default: the rank)', above(0))
}

/** Throws code `argument` for an alpha of no adapter. */
export function lowRankOf({ loraRank: rank, loraAlpha: alpha }: AdapterFlags): { lowRank?: LowRankOptions } {
  if (rank === undefined && alpha !== undefined)
    throw new PacelineError('argument', '--lora-alpha is about adapters: give --lora-rank too')
  return rank === undefined ? {} : { lowRank: { rank, ...(alpha !== undefined && { alpha }) } }
}

/** Where a run is, and not what it is: not taken from the file of another one. */
const local = ['out', 'config', 'resume']

/**
 * The flags with the options of --config or, to resume, of the run in --out.
 * Throws code `argument` where --out is missing or a file has a wrong option, `file` where one is missing.
 */
export async function resolveTrainFlags<F extends TrainFlags>(command: Command): Promise<F & { readonly out: string }> {
  const { config, resume, out } = command.opts<F>()
  if (config !== undefined) await applyConfigFile(command, config, local)
  if (out === undefined) throw new PacelineError('argument', 'give --out FOLDER: where the run is to be kept')
  if (resume) await applyConfigFile(command, `${out}/run.json`, local)
  return command.opts<F & { readonly out: string }>()
}

/** The options that make a run what it is, for its record; not those `without` a meaning for it. */
export function recordedOptions(flags: object, without: readonly string[] = []): Record<string, unknown> {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => ![...local, ...without].includes(name)))
}

export function scheduleOf({ schedule, learningRate, warmup, finalShare, cooldown }: TrainFlags): ScheduleOptions {
  return { schedule, learningRate, warmup, decayShare: cooldown, ...(finalShare !== undefined && { finalShare }) }
}

/** Throws code `argument` where there is no limit. */
export function budgetOf({ updates, tokens, minutes }: TrainFlags): Budget {
  if (updates === undefined && tokens === undefined && minutes === undefined)
    throw new PacelineError('argument', 'give --updates, --tokens or --minutes: when the run is to end')
  return {
    ...(updates !== undefined && { updates }),
    ...(tokens !== undefined && { tokens }),
    ...(minutes !== undefined && { minutes }),
  }
}

/** Says how a run that was interrupted goes on; false where it came to its end. */
export function remarkInterrupted({ model, state, checkpoint }: TrainedTask, method: string, out: string): boolean {
  if (model !== null) return false
  remark(`stopped after update ${count(state.updates)}; checkpoint: ${checkpoint}`)
  remark(`go on with: paceline train ${method} --resume --out ${out}`)
  return true
}

function betas(text: string): [number, number] {
  const values = text.split(',').map(Number)
  if (values.length !== 2 || !values.every((beta) => beta >= 0 && beta < 1))
    throw new InvalidArgumentError('Expected two numbers from 0 to below 1, such as 0.9,0.95.')
  return [values[0], values[1]]
}
