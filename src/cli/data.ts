import { type Command, Option } from 'commander'
import { PacelineError } from '../errors.ts'
import { replaceText } from '../files.ts'
import {
  type Baselines,
  type DatasetInfo,
  measureBaselines,
  PackedDataset,
  type PackOptions,
  packDataset,
  total,
} from '../training/index.ts'
import { requireWritableFolder } from './files.ts'
import { interruption } from './interruption.ts'
import { integer, number, texts } from './options.ts'
import { bytes, count, list, progressLine, remark, table } from './terminal.ts'

type Flags = Omit<PackOptions, 'files' | 'folder' | 'signal' | 'onProgress'> & {
  readonly input: readonly string[]
  readonly out: string
  readonly json?: string
}

export function addData(program: Command): void {
  program
    .command('data')
    .summary('pack text for training')
    .description(
      'Makes a dataset of text: trains a tokenizer or takes one, drops what is empty or there twice, sets documents apart ' +
        'for validation, and writes the tokens into a folder.',
    )
    .requiredOption(
      '--input <files...>',
      'JSONL: { "prompt", "response" } or { "text" } a line, "task" if you like; "finish": "length" for a response cut off',
      texts,
    )
    .requiredOption('--out <folder>', 'the folder to make')
    .option('--vocabulary <n>', 'tokens of the tokenizer to train (default: 4096)', integer(1))
    .addOption(
      new Option('--tokenizer <folder>', 'take the tokenizer of this folder, such as a model').conflicts('vocabulary'),
    )
    .option('--validation <share>', 'share of documents for validation (default: 0.02)', number)
    .option('--seed <n>', 'which documents those are (default: 1)', integer(0))
    .option(
      '--group-before <text>',
      'keep prompts on one side that are the same before their last line that begins so, such as "Question:" after a passage',
    )
    .option('--prompt-weight <w>', 'what a token of a prompt counts beside one of a response (default: 0)', number)
    .option('--sources <text>', 'sources and licences of the text, kept with the data')
    .option('--force', 'replace a dataset that is there')
    .option('--json <file>', 'also write the numbers to a file; "-" prints them instead of the table')
    .addHelpText(
      'after',
      `
Examples:
  $ paceline data --input questions.jsonl code.jsonl --out runs/data --vocabulary 4096
  $ paceline data --input answers.jsonl --out runs/data-for-model --tokenizer ./model`,
    )
    .action(pack)
}

async function pack({ input, out, json, ...options }: Flags): Promise<void> {
  if (json !== undefined && json !== '-') await requireWritableFolder(json)
  const progress = progressLine()
  using interrupted = interruption()
  const { signal } = interrupted
  let info: DatasetInfo
  try {
    info = await packDataset({
      ...options,
      files: input,
      folder: out,
      signal,
      onProgress: (phase, share) => progress.update(phase, share),
    })
  } catch (error) {
    if (!signal.aborted || PacelineError.isInstance(error)) throw error
    progress.clear()
    remark('Interrupted: nothing was written.')
    return
  } finally {
    progress.clear()
  }
  progress.update('measuring baselines', 0)
  const baselines = measureBaselines(await PackedDataset.open(out))
  progress.clear()

  const numbers = `${JSON.stringify({ ...info, baselines }, null, 2)}\n`
  if (json === '-') process.stdout.write(numbers)
  else process.stdout.write(render(out, info, baselines))
  if (json !== undefined && json !== '-') await replaceText(json, numbers)
}

function render(folder: string, info: DatasetInfo, baselines: Baselines | undefined): string {
  const { tasks, splits, census, tokenizer } = info
  const all = total([total(splits.train), total(splits.validation)])
  const dropped = [
    [census.empty, 'empty'],
    [census.duplicate, 'there twice'],
    [census.special, 'with a special token written out'],
  ] as const
  const rows = [...tasks.keys(), -1].map((i) => {
    const [train, validation] = [splits.train, splits.validation].map((split) => (i < 0 ? total(split) : split[i]))
    const both = total([train, validation])
    const loss = (i < 0 ? baselines : baselines?.byTask[tasks[i]])?.trigram
    return [
      i < 0 ? 'all' : tasks[i],
      count(both.documents),
      count(validation.documents),
      count(both.tokens),
      count(both.responseTokens),
      bytes(both.bytes),
      (both.bytes / both.tokens).toFixed(2),
      loss?.natsPerToken.toFixed(3) ?? '-',
      loss?.bitsPerByte.toFixed(3) ?? '-',
    ]
  })
  const head = ['task', 'documents', 'validation', 'tokens', 'of responses', 'text', 'bytes/token', 'nats', 'bits/byte']
  const loss = (name: string, { natsPerToken, bitsPerByte }: Baselines['unigram']) =>
    [name, `${natsPerToken.toFixed(3)} nats per token, ${bitsPerByte.toFixed(3)} bits per byte`] as const
  return `${folder}
${list([
  ['tokenizer', `${count(tokenizer.vocabSize)} tokens, ${tokenizer.fingerprint.slice(0, 19)}`],
  [
    'documents',
    `${count(all.documents)} of ${count(census.read)} read; dropped: ${dropped.map(([n, why]) => `${count(n)} ${why}`).join(', ')}`,
  ],
])}
${table([head, ...rows])}
Loss on the responses of the validation split that counting alone reaches (the table's is of the trigram model):
${baselines === undefined ? '  none: there is no validation text\n' : list([loss('uniform', baselines.uniform), loss('unigram', baselines.unigram), loss('trigram', baselines.trigram)])}`
}
