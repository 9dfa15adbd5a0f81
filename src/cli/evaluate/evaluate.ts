import { type Command, Option } from 'commander'
import {
  drawSamples,
  type Evaluation,
  type ExactMatch,
  evaluate,
  exactMatches,
  promptsOfDataset,
  promptsOfSuite,
  readSuite,
  type Sample,
  type SamplePrompt,
} from '../../bench/index.ts'
import { type Dtype, openCheckpoint } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { loadTargetModel } from '../../model/index.ts'
import { chooseExecutor, type ExecutorName, executorNames } from '../../runtime/index.ts'
import { measureBaselines, openTokenizer, PackedDataset, type SplitName } from '../../training/index.ts'
import { requireWritableFolder } from '../files.ts'
import { interruption } from '../interruption.ts'
import { dtypeList, integer, modelFolder, sampling } from '../options.ts'
import { progressLine, remark } from '../terminal.ts'
import { type EvaluationReport, renderEvaluation } from './report.ts'

interface Flags {
  readonly data: string
  readonly split: SplitName
  readonly dtype: readonly Dtype[]
  readonly limit?: number
  readonly baselines: boolean
  readonly samples?: number
  readonly prompts?: string
  readonly exactMatch?: number
  readonly maxTokens: number
  readonly temperature: number
  readonly seed: number
  readonly executor?: ExecutorName
  readonly threads?: number
  readonly markdown?: boolean
  readonly json?: string
}

export function addEvaluate(program: Command): void {
  program
    .command('evaluate')
    .summary('how well a model predicts a dataset, and samples of what it writes')
    .description(
      'The loss of a model on the responses of a packed dataset, by task, beside what counting words alone reaches; ' +
        'and, on demand, what the model writes.',
    )
    .argument('<model-folder>', modelFolder)
    .requiredOption('--data <folder>', 'the dataset, packed by "paceline data" with the tokenizer of the model')
    .addOption(new Option('--split <name>', 'which part').choices(['validation', 'train']).default('validation'))
    .option('--dtype <dtypes>', 'one or several, with commas: each is a column', dtypeList, ['f32'])
    .option('--limit <n>', 'predict about so many tokens of each task (default: all)', integer(1))
    .option('--no-baselines', 'do not count n-grams, which takes 40 bytes of memory per token of the training split')
    .option('--samples <n>', 'also show what the model writes after so many prompts of each task', integer(1))
    .option('--prompts <path>', 'take these prompts from a JSONL file, or a folder of them, such as bench/prompts')
    .option(
      '--exact-match <n>',
      'also answer so many prompts of each task greedily, and count the answers that are those of the dataset, case and white space aside',
      integer(1),
    )
    .option('--max-tokens <n>', 'the most that a sample or an answer has', integer(1), 128)
    .option('--temperature <t>', '0: always the likeliest token', sampling('temperature'), 0)
    .option('--seed <n>', 'of samples at a temperature', sampling('seed'), 0)
    .addOption(new Option('--executor <name>', 'what computes (default: auto)').choices(executorNames))
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
    .option('--markdown', 'print the tables in Markdown, for a model card')
    .option('--json <file>', 'also write the numbers to a file; "-" prints them instead of the tables')
    .addHelpText(
      'after',
      `
Examples:
  $ paceline evaluate ./model --data runs/data --dtype f32,int8,int4
  $ paceline evaluate ./model --data runs/data --samples 2 --prompts bench/prompts --markdown > evaluation.md`,
    )
    .action(run)
}

async function run(folder: string, flags: Flags): Promise<void> {
  const { json, markdown = false } = flags
  if (flags.prompts !== undefined && flags.samples === undefined)
    throw new PacelineError('argument', '--prompts is for samples: say how many of each task with --samples')
  if (json !== undefined && json !== '-') await requireWritableFolder(json)
  const progress = progressLine()
  using interrupted = interruption()
  const { signal } = interrupted
  try {
    const report = await measure(folder, flags, progress.update, signal)
    progress.clear()
    const numbers = `${JSON.stringify(report, null, 2)}\n`
    if (json === '-') process.stdout.write(numbers)
    else process.stdout.write(renderEvaluation(report, { markdown }))
    if (json !== undefined && json !== '-') await replaceText(json, numbers)
  } catch (error) {
    if (!signal.aborted || PacelineError.isInstance(error)) throw error
    progress.clear()
    remark('Interrupted.')
  } finally {
    progress.clear()
  }
}

async function measure(
  folder: string,
  { data, split, dtype: dtypes, limit, baselines: counted, samples: count, exactMatch, ...flags }: Flags,
  update: (task: string, share: number) => void,
  signal: AbortSignal,
): Promise<EvaluationReport> {
  const { executor } = chooseExecutor({
    ...(flags.executor && { executor: flags.executor }),
    ...(flags.threads && { threads: flags.threads }),
  })
  const checkpoint = await openCheckpoint(folder)
  try {
    const { fingerprint } = await openTokenizer(folder)
    const dataset = await PackedDataset.open(data, { fingerprint })
    const evaluations: Evaluation[] = []
    let samples: Sample[] | undefined
    const matches: ExactMatch[][] = []
    for (const dtype of dtypes) {
      const model = await loadTargetModel(checkpoint.spec, checkpoint.source, {
        executor,
        dtype,
        signal,
        onProgress: (share) => update(`loading ${dtype}`, share),
      })
      try {
        const loaded = { checkpoint, model }
        if (count !== undefined && samples === undefined) {
          const { maxTokens, temperature, seed } = flags
          const prompts: SamplePrompt[] =
            flags.prompts === undefined
              ? promptsOfDataset(dataset, split, loaded, count)
              : promptsOfSuite(await readSuite(flags.prompts), count)
          const onProgress = (share: number) => update('samples', share)
          samples = await drawSamples(loaded, prompts, { maxTokens, temperature, seed, signal, onProgress })
        }
        if (exactMatch !== undefined) {
          const onProgress = (share: number) => update(`answering in ${dtype}`, share)
          const options = { split, count: exactMatch, maxTokens: flags.maxTokens, signal, onProgress }
          matches.push(await exactMatches(loaded, dataset, options))
        }
        const onProgress = (share: number) => update(`evaluating ${dtype}`, share)
        evaluations.push(await evaluate(model, dataset, { split, ...(limit && { limit }), signal, onProgress }))
      } finally {
        await model.dispose()
      }
    }
    // N-grams have seen the training split: only the other one tells what they are worth.
    if (counted && split === 'validation') update('counting n-grams', 0)
    const baselines = counted && split === 'validation' ? measureBaselines(dataset) : undefined
    return {
      folder,
      data,
      split,
      ...(limit && { limit }),
      evaluations,
      ...(baselines && { baselines }),
      ...(matches.length > 0 && { matches }),
      ...(samples && { samples }),
    }
  } finally {
    await checkpoint.close()
  }
}
