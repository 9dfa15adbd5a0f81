import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  judgeSampling,
  makeDrafters,
  promptsForModel,
  readSuite,
  type Verification,
  type VerifiedRule,
  type VerifyOptions,
  verifyDrafters,
} from '../../bench/index.ts'
import { type Checkpoint, type Dtype, openCheckpoint } from '../../checkpoint/index.ts'
import { forAnyDrafter } from '../../drafters/index.ts'
import { createDraftingResources } from '../../engine/index.ts'
import { PacelineError } from '../../errors.ts'
import { replaceText } from '../../files.ts'
import { loadTargetModel } from '../../model/index.ts'
import { chooseExecutor, type ExecutorName, executorNames } from '../../runtime/index.ts'
import { requireWritableFolder } from '../files.ts'
import { interruption } from '../interruption.ts'
import { drafter, dtypeList, integer, modelFolderOrDemo, numberAtLeast } from '../options.ts'
import { modelOrDemo, packagedSuite } from '../packaged.ts'
import { progressLine, remark } from '../terminal.ts'
import { renderVerification, type VerifyReport } from './report.ts'

interface Flags {
  readonly drafters: readonly string[] | 'all'
  readonly dtype: readonly Dtype[]
  readonly suite?: string
  readonly promptsPerTask: number
  readonly maxTokens: number
  readonly strict?: number | true
  readonly rule: VerifiedRule
  readonly samples: number
  readonly seed: number
  readonly executor?: ExecutorName
  readonly threads?: number
  readonly json?: string
}

export function addVerify(program: Command): void {
  program
    .command('verify')
    .summary('whether drafters leave the text of a model as it is')
    .description(
      'Writes texts with every drafter and compares them with plain decoding, token for token: greedily, and at ' +
        'temperature 1 with the same seeds. Where they differ, it tells how near the two tokens were and whether rounding ' +
        'explains it. Then it draws first tokens with standard speculative sampling (rule rejection) many times and tests ' +
        'whether they are as likely as they should be. Ends with exit code 1 where a difference has no explanation or a ' +
        'test failed. With --rule typical-lossy it tells how far that rule is from lossless, and ends with 1.',
    )
    .argument('[model-folder]', modelFolderOrDemo)
    .option('--drafters <names>', '"all", or names with commas as generate takes them', drafterList, 'all')
    .addOption(
      new Option('--dtype <dtypes>', 'one or several, with commas')
        .argParser(dtypeList)
        .default(['f32', 'int8', 'int4'], 'f32,int8,int4'),
    )
    .option('--suite <path>', "prompts: a JSONL file of questions, or a folder of them (default: the package's)")
    .option('--prompts-per-task <n>', 'prompts of each category, at most', integer(1), 4)
    .option('--max-tokens <n>', 'the most that a text has', integer(1), 128)
    .option(
      '--strict [band]',
      'also compare strict decoding, where a pass of one row decides what errors of this size in the logits could ' +
        "change (default band: some times the executor's measured error)",
      numberAtLeast(0),
    )
    .addOption(
      new Option(
        '--rule <rule>',
        'by which texts are written, and with typical-lossy, which is NOT lossless, first tokens too',
      )
        .choices(['target-draw', 'typical-lossy'] satisfies VerifiedRule[])
        .default('target-draw'),
    )
    .option('--samples <n>', 'draws of each test of sampling; 0: no such test', integer(0), 1000)
    .option('--seed <n>', 'of sampled texts and draws; others follow it', integer(0), 1)
    .addOption(new Option('--executor <name>', 'what computes (default: auto)').choices(executorNames))
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
    .option('--json <file>', 'also write the numbers to a file; "-" prints them instead of the tables')
    .addHelpText(
      'after',
      `
Examples:
  $ paceline verify ./model
  $ paceline verify ./model --drafters prompt-lookup,draft=./small --dtype int8 --prompts-per-task 20 --max-tokens 256
  $ paceline verify ./model --executor onnx --strict --json verified.json`,
    )
    .action(run)
}

/** Names of drafters with commas between them, or all. */
function drafterList(text: string): string[] | 'all' {
  if (text === 'all') return text
  const names = text.split(',').map((name) => drafter(name.trim()))
  if (new Set(names).size < names.length) throw new InvalidArgumentError('A drafter is named twice.')
  return names
}

async function run(folder: string | undefined, flags: Flags): Promise<void> {
  const { json } = flags
  if (json !== undefined && json !== '-') await requireWritableFolder(json)
  const progress = progressLine()
  using interrupted = interruption()
  const { signal } = interrupted
  const checkpoint = await openCheckpoint(modelOrDemo(folder))
  try {
    const report = await verify(checkpoint, flags, progress.update, signal)
    progress.clear()
    const numbers = `${JSON.stringify(report, null, 2)}\n`
    if (json === '-') process.stdout.write(numbers)
    else process.stdout.write(renderVerification(report, (id) => checkpoint.text.tokenOf(id) ?? `token ${id}`))
    if (json !== undefined && json !== '-') await replaceText(json, numbers)
    if (!report.passed) process.exitCode = 1
  } catch (error) {
    if (!signal.aborted || PacelineError.isInstance(error)) throw error
    progress.clear()
    remark('Interrupted.')
  } finally {
    progress.clear()
    await checkpoint.close()
  }
}

async function verify(
  checkpoint: Checkpoint,
  flags: Flags,
  onProgress: (task: string, share: number) => void,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const { spec, text, folder } = checkpoint
  const questions = await readSuite(flags.suite ?? packagedSuite())
  const prompts = promptsForModel(questions, text, spec.contextLength, flags.promptsPerTask)
  const { executor, about } = chooseExecutor({
    ...(flags.executor && { executor: flags.executor }),
    ...(flags.threads && { threads: flags.threads }),
  })
  const { maxTokens, samples, seed, strict, rule } = flags
  const options: VerifyOptions = {
    ...{ prompts, maxTokens, samples, seed, rule, signal, onProgress },
    ...(strict !== undefined && { strict: strict === true ? 'measured' : strict }),
  }
  const found: Verification[] = []
  let skipped: VerifyReport['skipped'] = []
  for (const dtype of flags.dtype) {
    const loading = (share: number) => onProgress(`${dtype}: loading`, share)
    const model = await loadTargetModel(spec, checkpoint.source, {
      ...{ executor, dtype, signal, onProgress: loading },
      ...forAnyDrafter,
    })
    const resources = createDraftingResources({ checkpoint, model, executor })
    try {
      const made = await makeDrafters(flags.drafters, resources)
      skipped = made.skipped
      try {
        found.push(await verifyDrafters(model, made.drafters, options))
      } finally {
        for (const { drafter } of made.drafters) await drafter.dispose?.()
      }
    } finally {
      await resources.dispose()
      await model.dispose()
    }
  }
  const results = found.flatMap((verification) => verification.results)
  const sampling = judgeSampling(found.flatMap((verification) => verification.sampling))
  return {
    model: folder,
    executor: about,
    rule,
    // Also where no text shows it: a lossy rule is never called lossless.
    passed:
      rule === 'target-draw' &&
      results.every(({ unexplained }) => unexplained === 0) &&
      sampling.every(({ passed }) => passed),
    rowErrors: found.map(({ dtype, rowError }) => ({ dtype, error: rowError })),
    skipped,
    results,
    divergences: found.flatMap(({ divergences }) => divergences),
    sampling,
  }
}
