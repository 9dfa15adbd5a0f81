import type { Command } from 'commander'
import type { EagleKind } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { eagleDefaults, trainEagle } from '../../training/index.ts'
import { interruption } from '../interruption.ts'
import { above, integer, share } from '../options.ts'
import {
  addHeadRunOptions,
  describeHead,
  type HeadFlags,
  headRunOf,
  remarkVocabulary,
  reportHead,
  resolveHeadFlags,
} from './head-options.ts'

import { trainingReport } from './report.ts'

interface Flags extends HeadFlags {
  readonly taps?: readonly number[]
  readonly ff?: number
  readonly steps: number
  readonly stepDecay: number
  readonly featureWeight: number
  readonly tokenWeight: number
  readonly noise: number
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
  const command = describeHead(train.command(kind), abouts[kind])
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
  addHeadRunOptions(command, kind === 'eagle' ? 'eagle2' : kind).action(async () =>
    run(kind, await resolveHeadFlags<Flags>(command, shapeFlags)),
  )
}

async function run(kind: EagleKind, flags: Flags & { readonly out: string }): Promise<void> {
  const { steps, stepDecay, tokenWeight, noise = 0, featureWeight = 0 } = flags
  const options = await headRunOf(flags, shapeFlags)
  const report = trainingReport()
  using interrupted = interruption()
  try {
    const trained = await trainEagle({
      ...options,
      noise,
      head: flags.init ?? {
        kind,
        ...(flags.taps && { taps: flags.taps }),
        ...(flags.ff !== undefined && { intermediateSize: flags.ff }),
      },
      objective: { steps, decay: stepDecay, featureWeight, tokenWeight },
      signal: interrupted.signal,
      reporter: report,
      onOpened({ head, coverage }) {
        if (head.kind !== kind)
          throw new PacelineError('argument', `the head of --init is of kind ${head.kind}: train it as that`)
        remarkVocabulary(head.draftVocabSize, head.vocabSize, coverage)
      },
    })
    report.clear()
    reportHead(trained, kind, flags.out, steps)
  } finally {
    report.clear()
  }
}

function layers(text: string): number[] {
  return text.split(',').map((part) => integer(0)(part))
}
