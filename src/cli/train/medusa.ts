import type { Command } from 'commander'
import { medusaDefaults, trainMedusa } from '../../training/index.ts'
import { interruption } from '../interruption.ts'
import { integer, share } from '../options.ts'
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
  readonly heads: number
  readonly layers: number
  readonly ownLmHeads?: boolean
  readonly headDecay: number
  readonly soft: number
}

/** What heads that are there say themselves. */
const shapeFlags = ['draftVocab', 'heads', 'layers', 'ownLmHeads']

export function addTrainMedusa(train: Command): void {
  const { headCount, layerCount, headDecay, soft } = medusaDefaults
  const command = describeHead(train.command('medusa'), 'Medusa heads')
    .option('--heads <n>', 'heads, each of which guesses one position', integer(1), headCount)
    .option('--layers <n>', 'residual blocks of a head', integer(1), layerCount)
    .option('--own-lm-heads', "each head has an LM head of its own, trained too (default: the target's, as it is)")
    .option('--head-decay <x>', 'what each head counts in the loss beside the one before', share, headDecay)
    .option('--soft <x>', "share of the target's distribution in what is learned, beside the text", share, soft)
  addHeadRunOptions(command, 'medusa').action(async () => run(await resolveHeadFlags<Flags>(command, shapeFlags)))
}

async function run(flags: Flags & { readonly out: string }): Promise<void> {
  const { heads: headCount, layers: layerCount, ownLmHeads = false, headDecay, soft } = flags
  const options = await headRunOf(flags, shapeFlags)
  const report = trainingReport()
  using interrupted = interruption()
  let chain = headCount
  try {
    const trained = await trainMedusa({
      ...options,
      heads: flags.init ?? { headCount, layerCount, ownLmHeads },
      objective: { headDecay, soft },
      signal: interrupted.signal,
      reporter: report,
      onOpened({ heads, coverage }) {
        chain = heads.headCount
        remarkVocabulary(heads.draftVocabSize, heads.vocabSize, coverage)
      },
    })
    report.clear()
    reportHead(trained, 'medusa', flags.out, chain)
  } finally {
    report.clear()
  }
}
