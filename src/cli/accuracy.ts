import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { type Accuracy, measureAccuracy } from '../bench/index.ts'
import { type Checkpoint, type Dtype, dtypes, openCheckpoint } from '../checkpoint/index.ts'
import { PacelineError } from '../errors.ts'
import { replaceText } from '../files.ts'
import { loadTargetModel, type TargetModel } from '../model/index.ts'
import { chooseExecutor, type ExecutorName, executorNames } from '../runtime/index.ts'
import { requireWritableFolder } from './files.ts'
import { dtypeList, integer, modelFolder } from './options.ts'
import { bytes, count, harmless, progressLine, short, table } from './terminal.ts'

interface Flags {
  readonly text: string
  readonly dtype?: readonly Dtype[]
  readonly window?: number
  readonly executor?: ExecutorName
  readonly threads?: number
  readonly json?: string
}

export function addAccuracy(program: Command): void {
  program
    .command('accuracy')
    .summary('what rounded weights change, against f32')
    .description(
      'Runs a model over a text with f32 weights and with rounded ones, and tells how far their predictions are apart. ' +
        'All are in memory at once.',
    )
    .argument('<model-folder>', modelFolder)
    .requiredOption('--text <file>', 'the text, such as the model was made for')
    .option('--dtype <dtypes>', `${dtypes.join(', ')}, or several with commas (default: int8,int4)`, dtypeList)
    .option('--window <n>', 'tokens seen at once, at most (default: the context of the model)', integer(2))
    .addOption(new Option('--executor <name>', 'what computes (default: auto)').choices(executorNames))
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
    .option('--json <file>', 'also write the numbers to a file; "-" prints them instead of the table')
    .addHelpText('after', '\nExample:\n  $ paceline accuracy ./model --text story.txt --dtype int8,int4,int4-pure')
    .action(measure)
}

async function measure(folder: string, flags: Flags): Promise<void> {
  const { text: file, dtype: chosen = ['int8', 'int4'], window, json } = flags
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new PacelineError('file', `--text: cannot be read: ${cause.message}`, { cause })
  })
  if (text.trim() === '') throw new PacelineError('argument', `--text: ${file} is empty: give text to predict`)
  if (json !== undefined && json !== '-') await requireWritableFolder(json)

  const checkpoint = await openCheckpoint(folder)
  const models: TargetModel[] = []
  const progress = progressLine()
  try {
    for (const dtype of ['f32', ...chosen] as const) models.push(await load(checkpoint, dtype, flags, progress))
    const [exact, ...rounded] = models
    const ids = checkpoint.text.encode(text)
    const measured = await measureAccuracy({
      exact,
      rounded,
      texts: [ids],
      bosTokenId: checkpoint.spec.bosTokenId,
      ...(window !== undefined && { window }),
      onProgress: (share) => progress.update('measuring', share),
    })
    progress.clear()
    if (json !== '-') process.stdout.write(render(folder, measured, (token) => quote(checkpoint, ids, token)))
    const numbers = `${JSON.stringify({ folder, text: file, executor: exact.executor, measured }, null, 2)}\n`
    if (json === '-') process.stdout.write(numbers)
    else if (json !== undefined) await replaceText(json, numbers)
  } finally {
    progress.clear()
    for (const model of models) await model.dispose()
    await checkpoint.close()
  }
}

function load(
  { spec, source }: Checkpoint,
  dtype: Dtype,
  { executor, threads }: Flags,
  progress: ReturnType<typeof progressLine>,
): Promise<TargetModel> {
  const chosen = chooseExecutor({ ...(executor && { executor }), ...(threads && { threads }) })
  const onProgress = (share: number) => progress.update(`loading ${dtype}`, share)
  return loadTargetModel(spec, source, { executor: chosen.executor, dtype, onProgress })
}

function render(folder: string, measured: readonly Accuracy[], quoted: (token: number) => string): string {
  const rows = measured.map(({ dtype, top1, meanKl, perplexity, worst, streamedBytes }) => [
    dtype,
    `${(100 * top1).toFixed(1)} %`,
    short(meanKl),
    perplexity.toFixed(3),
    short(worst.kl),
    bytes(streamedBytes),
  ])
  const { positions, perplexityF32 } = measured[0]
  const worst = measured.map(
    ({ dtype, worst: { token } }) => `  ${dtype}: token ${count(token)}, after ${quoted(token)}\n`,
  )
  return `${folder}: against f32, whose perplexity is ${perplexityF32.toFixed(3)}, at ${count(positions)} positions
${table([['dtype', 'same first choice', 'mean KL, nats', 'perplexity', 'largest KL', 'read per pass'], ...rows])}Largest KL:
${worst.join('')}`
}

/** The end of the text before a token. */
function quote({ text }: Checkpoint, ids: readonly number[], token: number): string {
  return JSON.stringify(harmless(text.decode(ids.slice(Math.max(0, token - 12), token))))
}
