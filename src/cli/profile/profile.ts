import { type Command, Option } from 'commander'
import { type Profile, profile, profiledRows } from '../../bench/index.ts'
import { type Dtype, dtypes, openCheckpoint, randomCheckpoint, shapeNames } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { chooseExecutor, type ExecutorName, executorNames } from '../../runtime/index.ts'
import { requireWritableFolder } from '../files.ts'
import { dtypeList, integer, integers } from '../options.ts'
import { bytes, percent, progressLine, remark, short, table } from '../terminal.ts'
import { addDraftingOptions, checkDraftingFlags, type DraftingFlags, profileDrafting } from './drafting.ts'
import { addOverheadOptions, checkOverheadFlags, profileOverhead } from './overhead.ts'
import { addTrainingOptions, checkTrainingFlags, measureTraining, type TrainingFlags } from './training.ts'

interface Flags extends TrainingFlags, DraftingFlags {
  readonly dtype?: readonly Dtype[]
  readonly context: readonly number[]
  readonly executor?: ExecutorName
  readonly training?: boolean
}

export function addProfile(program: Command): void {
  const command = program
    .command('profile')
    .summary('time passes of 1 to 32 rows, or training, on this machine')
    .description(
      'Measures v(T): what a pass of T rows costs on this machine, in passes of one row. A drafter pays where it ' +
        'guesses more than the rows for its guesses cost. With --overhead: what ' +
        'a step costs beside its pass. With --drafting: what drafting costs. With --training: what a step of training costs.',
    )
    .option('--model <folder>', 'the model to measure')
    .option('--shape <name>', `random weights instead: ${shapeNames.join(', ')}`)
    .option(
      '--dtype <dtypes>',
      `${dtypes.join(', ')}, or several with commas (default: f32, with --drafting int8)`,
      dtypeList,
    )
    .option(
      '--context <n>',
      'positions in the cache, at most those of the model; several with commas',
      integers(0),
      [512],
    )
    .addOption(new Option('--executor <name>', 'what computes (default: auto)').choices(executorNames))
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
    .option(
      '--rounds <n>',
      'rounds of measurement; each times every number of rows once (default: 9, with --drafting 25)',
      integer(1),
    )
    .option('--json <file>', 'also write the numbers to a file; "-" prints them instead of the table')
  addTrainingOptions(addOverheadOptions(addDraftingOptions(command)))
    .addHelpText(
      'after',
      `
Examples:
  $ paceline profile --model ./model --dtype f32,int8,int4
  $ paceline profile --shape llama-300m --dtype int8 --json profile.json
  $ paceline profile --overhead --model ./model
  $ paceline profile --drafting --shape llama-1b --dtype int8,int4
  $ paceline profile --training --width 256 --layers 14 --sequences 4 --length 512`,
    )
    .action((flags: Flags) => {
      if (checkDraftingFlags(command)) return profileDrafting(flags)
      if (checkOverheadFlags(command)) return profileOverhead(flags)
      return checkTrainingFlags(command) ? measureTraining(flags) : measure(flags)
    })
}

async function measure({
  model,
  shape,
  dtype: chosen = ['f32'],
  context,
  executor: executorName,
  threads,
  rounds,
  json,
}: Flags): Promise<void> {
  if ((model === undefined) === (shape === undefined))
    throw new PacelineError('argument', 'give either --model FOLDER or --shape NAME: what is to be measured')
  if (json !== undefined && json !== '-') await requireWritableFolder(json)
  const { executor, about } = chooseExecutor({
    ...(executorName && { executor: executorName }),
    ...(threads && { threads }),
  })
  const checkpoint = model !== undefined ? await openCheckpoint(model) : randomCheckpoint(shape!, 0)
  const { spec, source } = checkpoint
  const contexts = context.map((positions) => Math.min(positions, spec.contextLength))
  for (const positions of context)
    if (positions > spec.contextLength)
      remark(`the context of the model is ${spec.contextLength}: measuring there, not at ${positions}`)

  const profiles: Profile[] = []
  const progress = progressLine()
  try {
    for (const dtype of chosen) {
      const measured = await profile({
        name: model ?? shape!,
        spec,
        source,
        executor,
        dtype,
        contexts,
        ...(rounds !== undefined && { rounds }),
        onProgress: (phase, share) => progress.update(`${phase === 'load' ? 'loading' : 'measuring'} ${dtype}`, share),
      })
      progress.clear()
      profiles.push(...measured)
      if (json !== '-') process.stdout.write(measured.map((one) => render(one, about)).join(''))
    }
  } finally {
    progress.clear()
    await checkpoint.close()
  }
  const numbers = `${JSON.stringify(profiles.length === 1 ? profiles[0] : profiles, null, 2)}\n`
  if (json === '-') process.stdout.write(numbers)
  else if (json !== undefined) await replaceText(json, numbers)
}

function render(measured: Profile, about: string): string {
  const { shape, dtype, context, t1Ms, v, weightBytes, gbPerS, streamGbPerS, streamShare, prefill } = measured
  const rows = profiledRows.map((T) => [`${T}`, v[T].toFixed(2), short(v[T] * t1Ms), (T / v[T]).toFixed(2)])
  return `${shape}, ${dtype}, ${about}, ${context} positions in the cache
${table([['rows', 'v(T)', 'ms', 'rows for the price of one'], ...rows])}
  A pass reads ${bytes(weightBytes)} of weights; with one row at ${short(gbPerS)} GB/s, ${percent(streamShare)} of this machine's ${short(streamGbPerS)} GB/s.
  ${percent(measured.attentionShare)} of a one-row pass is attention over the cache.
  ${prefill.rows} positions of a prompt take ${short(prefill.ms)} ms, ${short(prefill.gops)} G operations a second.
  Loaded in ${short(measured.loadSeconds)} s; ${bytes(measured.residentBytes)} of memory in use.

`
}
