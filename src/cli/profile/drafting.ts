import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Drafting, measureDrafting } from '../../bench/index.ts'
import { type Dtype, openCheckpoint, randomCheckpoint } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { chooseExecutor, type ExecutorName } from '../../runtime/index.ts'
import { flagGiven } from '../command-line.ts'
import { requireWritableFolder } from '../files.ts'
import { integer } from '../options.ts'
import { bytes, progressLine, short, table } from '../terminal.ts'

import { trainingFlags } from './training.ts'

export interface DraftingFlags {
  readonly drafting?: boolean
  readonly model?: string
  readonly shape?: string
  readonly dtype?: readonly Dtype[]
  readonly context: readonly number[]
  readonly draftVocab: number
  readonly tree: readonly [depth: number, width: number]
  readonly executor?: ExecutorName
  readonly threads?: number
  readonly rounds?: number
  readonly json?: string
}

/** Rows of a pass of the target: how many guesses stay of all that were thought of costs nothing in drafting. */
const treeRows = 16

export function addDraftingOptions(command: Command): Command {
  return command
    .option('--drafting', 'time the drafting of EAGLE-2 instead: a whole tree of a head of this model, random weights')
    .option('--draft-vocab <n>', 'tokens that the head knows', integer(1), 16_384)
    .addOption(
      new Option(
        '--tree <depth-width>',
        'guesses one after the other, a pass of the head each, and rows of each of these passes but the first',
      )
        .argParser(treeSizes)
        .default([6, 8], '6-8'),
    )
}

/** Throws code `argument` for a flag that would be ignored. */
export function checkDraftingFlags(command: Command): boolean {
  const drafting = command.opts<DraftingFlags>().drafting === true
  const given = flagGiven(command, drafting ? ['training', 'overhead', ...trainingFlags] : ['draftVocab', 'tree'])
  if (given !== undefined)
    throw new PacelineError(
      'argument',
      drafting ? `${given} is not for --drafting: leave out one of them` : `${given} is for --drafting: give that too`,
    )
  return drafting
}

export async function profileDrafting(flags: DraftingFlags): Promise<void> {
  const { model, shape, dtype: dtypes = ['int8'], context, json, rounds = 25 } = flags
  const [depth, width] = flags.tree
  if ((model === undefined) === (shape === undefined))
    throw new PacelineError('argument', 'give either --model FOLDER or --shape NAME: what is to be drafted for')
  if (json !== undefined && json !== '-') await requireWritableFolder(json)
  const { executor, about } = chooseExecutor({
    ...(flags.executor && { executor: flags.executor }),
    ...(flags.threads && { threads: flags.threads }),
  })
  const checkpoint = model !== undefined ? await openCheckpoint(model) : randomCheckpoint(shape!, 0)
  const { spec, source } = checkpoint
  const progress = progressLine()
  const measured: Drafting[] = []
  try {
    for (const dtype of dtypes)
      for (const positions of context)
        measured.push(
          await measureDrafting({
            ...{ spec, source, executor, dtype, headDtype: dtype, rounds },
            draftVocab: Math.min(flags.draftVocab, spec.vocabSize),
            tree: { rows: treeRows, depth, width },
            context: Math.min(positions, spec.contextLength >> 1),
            onProgress: (phase, share) =>
              progress.update(`${phase === 'load' ? 'loading' : 'measuring'} ${dtype}`, share),
          }),
        )
  } finally {
    progress.clear()
    await checkpoint.close()
  }
  const numbers = `${JSON.stringify(measured, null, 2)}\n`
  if (json === '-') process.stdout.write(numbers)
  else process.stdout.write(render(`${model ?? shape!}, ${about}`, measured))
  if (json !== undefined && json !== '-') await replaceText(json, numbers)
}

function treeSizes(text: string): [number, number] {
  const [, depth, width] = /^([1-9]\d?)-([1-9]\d?)$/.exec(text) ?? []
  if (width === undefined) throw new InvalidArgumentError('Expected depth and width, such as 6-8.')
  return [Number(depth), Number(width)]
}

function render(name: string, measured: readonly Drafting[]): string {
  const rows = measured.map((one) => [
    ...[one.dtype, `${one.context}`, `${one.passes}`, short(one.ms), short(one.rowMs)],
    ...[one.cost.toFixed(2), one.limit.toFixed(2), bytes(one.headBytes), bytes(one.targetBytes)],
  ])
  const head = ['dtype', 'context', 'passes', 'ms', 'one row, ms', 'D', 'limit', 'head', 'model']
  return `${name}: drafting of EAGLE-2, a head of random weights
${table([head, ...rows])}
  D: the time of all passes of the head in one step, in one-row passes of the model. Limit: reading its weights as often.
`
}
