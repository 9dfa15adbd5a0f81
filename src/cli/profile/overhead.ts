import type { Command } from 'commander'
import { loadWider, measureOverhead, type Overhead } from '../../bench/index.ts'
import { openCheckpoint } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { loadTargetModel } from '../../model/index.ts'
import { chooseExecutor, type ExecutorName } from '../../runtime/index.ts'
import { flagGiven } from '../command-line.ts'
import { requireWritableFolder } from '../files.ts'
import { count, progressLine, short, table } from '../terminal.ts'

import { trainingFlags } from './training.ts'

export interface OverheadFlags {
  readonly model?: string
  readonly overhead?: boolean
  readonly executor?: ExecutorName
  readonly threads?: number
  readonly rounds?: number
  readonly json?: string
}

/** Both leave room for a text in a context of 512. */
const contexts = [64, 448]
const widerVocabulary = 131_072

export function addOverheadOptions(command: Command): Command {
  return command.option(
    '--overhead',
    "time a step's own code instead: everything but drafting and the pass; --rounds is the number of texts",
  )
}

/** Throws code `argument` for a flag that would be ignored. */
export function checkOverheadFlags(command: Command): boolean {
  if (command.opts<OverheadFlags>().overhead !== true) return false
  const given = flagGiven(command, ['training', 'shape', 'dtype', 'context', ...trainingFlags])
  if (given !== undefined) throw new PacelineError('argument', `${given} is not for --overhead: leave out one of them`)
  return true
}

/** At two contexts, and of a model with a large vocabulary: it should grow with neither. */
export async function profileOverhead({ model: folder, executor: name, threads, rounds, json }: OverheadFlags) {
  if (folder === undefined)
    throw new PacelineError('argument', '--overhead needs --model FOLDER: what is to be measured')
  if (json !== undefined && json !== '-') await requireWritableFolder(json)
  const { executor, about } = chooseExecutor({ ...(name && { executor: name }), ...(threads && { threads }) })
  const progress = progressLine()
  const checkpoint = await openCheckpoint(folder)
  const measured: Overhead[] = []
  try {
    const load = [
      () => loadTargetModel(checkpoint.spec, checkpoint.source, { executor, dtype: 'int8' }),
      () => loadWider(checkpoint.spec, widerVocabulary, executor),
    ]
    for (const open of load) {
      progress.update('loading', 0)
      const model = await open()
      try {
        const onProgress = (share: number) =>
          progress.update(`measuring, vocabulary ${count(model.spec.vocabSize)}`, share)
        measured.push(...(await measureOverhead(model, { contexts, ...(rounds && { texts: rounds }), onProgress })))
      } finally {
        await model.dispose()
      }
    }
  } finally {
    progress.clear()
    await checkpoint.close()
  }
  const numbers = `${JSON.stringify({ folder, executor: executor.name, measured }, null, 2)}\n`
  if (json === '-') process.stdout.write(numbers)
  else {
    process.stdout.write(render(folder, about, measured))
    if (json !== undefined) await replaceText(json, numbers)
  }
}

function render(folder: string, about: string, measured: readonly Overhead[]): string {
  const rows = measured.map(({ vocabSize, context, steps, tau, medianUs, fastUs, forwardMs }) => [
    count(vocabSize),
    `${context}`,
    `${steps}`,
    tau.toFixed(2),
    short(medianUs),
    short(fastUs),
    short(forwardMs),
  ])
  return `${folder}, ${about}: our own code in a step of ${measured[0].rows} rows, in microseconds
${table([['vocabulary', 'context', 'steps', 'tau', 'median', 'fastest tenth', 'pass, ms'], ...rows])}`
}
