import type { Command } from 'commander'
import { profileTraining, type TrainingProfile } from '../../bench/index.ts'
import { type ModelSpec, openCheckpoint, shapeSpec } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { newModelSpec } from '../../training/index.ts'
import { flagGiven } from '../command-line.ts'
import { requireWritableFolder } from '../files.ts'
import { integer } from '../options.ts'
import { addShapeOptions, type ShapeFlags, shapeFlagNames, shapeOf } from '../shape-options.ts'
import { bytes, count, list, percent, progressLine, short } from '../terminal.ts'

export interface TrainingFlags extends ShapeFlags {
  readonly model?: string
  readonly shape?: string
  readonly vocabulary: number
  readonly sequences: number
  readonly length: number
  readonly rounds?: number
  readonly threads?: number
  readonly json?: string
}

export const trainingFlags = [...shapeFlagNames, 'vocabulary', 'sequences', 'length']
const passFlags = ['dtype', 'context', 'executor']

export function addTrainingOptions(command: Command): Command {
  command.option('--training', 'time steps of training instead, of a model of this shape; --rounds is their number')
  return addShapeOptions(command)
    .option('--vocabulary <n>', 'tokens of the vocabulary', integer(1), 4096)
    .option('--sequences <n>', 'sequences per batch', integer(1), 16)
    .option('--length <n>', 'tokens per sequence', integer(2), 256)
}

/** True for --training. Throws code `argument` for a flag that would be ignored. */
export function checkTrainingFlags(command: Command): boolean {
  const { training = false, model, shape } = command.opts<Partial<TrainingFlags> & { training?: boolean }>()
  const given = flagGiven(command, training ? passFlags : trainingFlags)
  if (given !== undefined)
    throw new PacelineError('argument', `${given} is ${training ? 'not for' : 'for'} --training: leave out one of them`)
  if (!training) return false
  const fields = flagGiven(command, [...shapeFlagNames, 'vocabulary'])
  if ([model, shape, fields].filter((one) => one !== undefined).length > 1)
    throw new PacelineError(
      'argument',
      `give one of --model, --shape and ${fields ?? '--width'}: what is to be measured`,
    )
  return true
}

export async function measureTraining(flags: TrainingFlags): Promise<void> {
  const { sequences, length, rounds, threads, json } = flags
  if (json !== undefined && json !== '-') await requireWritableFolder(json)
  const spec = await specOf(flags)
  const progress = progressLine()
  let measured: TrainingProfile
  try {
    measured = await profileTraining({
      spec,
      sequences,
      length,
      ...(rounds !== undefined && { steps: rounds }),
      ...(threads !== undefined && { threads }),
      onProgress: (share) => progress.update('measuring', share),
    })
  } finally {
    progress.clear()
  }
  const numbers = `${JSON.stringify({ shape: flags.model ?? flags.shape ?? null, sequences, length, ...measured }, null, 2)}\n`
  process.stdout.write(json === '-' ? numbers : render(measured, flags))
  if (json !== undefined && json !== '-') await replaceText(json, numbers)
}

async function specOf(flags: TrainingFlags): Promise<ModelSpec> {
  const { model, shape, vocabulary: vocabSize, length } = flags
  if (shape !== undefined) return shapeSpec(shape)
  if (model === undefined) return newModelSpec(shapeOf(flags, length), { vocabSize, bosTokenId: null, eosTokenIds: [] })
  const { spec, close } = await openCheckpoint(model)
  await close()
  return spec
}

function render(measured: TrainingProfile, { sequences, length }: TrainingFlags): string {
  const { parameters, accumulateMs, updateMs, tokensPerSecond, gflops, gemmGflops, share, peakBytes } = measured
  return `${short(parameters / 1e6)} M parameters, ${count(sequences)} sequences of ${count(length)} tokens, medians
${list([
  [
    'step',
    `${short(accumulateMs + updateMs)} ms: forward and backward ${short(accumulateMs)}, update ${short(updateMs)}`,
  ],
  ['tokens', `${count(Math.round(tokensPerSecond))} a second`],
  ['rate', `${short(gflops)} GFLOP/s, 6 operations per parameter and token`],
  ['product', `${short(gemmGflops)} GFLOP/s, of one matrix product beside each step`],
  ['share', `${percent(share)} of the product's rate, the best of each`],
  ['memory', `${bytes(peakBytes)} at most`],
])}`
}
