import type { Command } from 'commander'
import { bitaDefaults, trainBita } from '../../training/index.ts'
import { interruption } from '../interruption.ts'
import { integer } from '../options.ts'
import { count, percent, remark } from '../terminal.ts'
import {
  addHeadRunOptions,
  describeFor,
  type HeadFlags,
  headRunOf,
  reportHead,
  resolveHeadFlags,
} from './head-options.ts'
import { trainingReport } from './report.ts'

interface Flags extends HeadFlags {
  readonly masks: number
  readonly prefix: number
  readonly groups: number
}

/** What mask tokens that are there say themselves. */
const shapeFlags = ['masks', 'prefix']

export function addTrainBita(train: Command): void {
  const { maskCount, prefixLength, groups } = bitaDefaults
  const command = describeFor(train.command('bita'), 'mask tokens and a prefix (BiTA)')
    .option('--masks <n>', 'mask tokens behind a token, each of which guesses one position', integer(1), maskCount)
    .option('--prefix <n>', 'keys and values of each layer that mask tokens see', integer(1), prefixLength)
    .option('--groups <n>', 'groups of mask tokens behind the text of each sequence', integer(1), groups)
  addHeadRunOptions(command, 'bita').action(async () => run(await resolveHeadFlags<Flags>(command, shapeFlags)))
}

async function run(flags: Flags & { readonly out: string }): Promise<void> {
  const { masks: maskCount, prefix: prefixLength, groups } = flags
  const options = await headRunOf(flags, shapeFlags)
  const report = trainingReport()
  using interrupted = interruption()
  let chain = maskCount
  try {
    const trained = await trainBita({
      ...options,
      riders: flags.init ?? { maskCount, prefixLength },
      groups,
      signal: interrupted.signal,
      reporter: report,
      onOpened({ riders, parameters, targetParameters }) {
        chain = riders.maskCount
        const share = percent(parameters / targetParameters, 2)
        remark(`${count(parameters)} numbers are trained, ${share} of the target's ${count(targetParameters)}`)
      },
    })
    report.clear()
    reportHead(trained, 'bita', flags.out, chain)
  } finally {
    report.clear()
  }
}
