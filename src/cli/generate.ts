import { type Command, Option } from 'commander'
import { type Dtype, dtypes } from '../checkpoint/index.ts'
import { acceptanceRules } from '../decoding/index.ts'
import { drafterNames } from '../drafters/index.ts'
import {
  type GenerateRequest,
  type Generation,
  type GenerationResult,
  loadModel,
  type Prompt,
} from '../engine/index.ts'
import { PacelineError } from '../errors.ts'
import { type ExecutorName, executorNames } from '../runtime/index.ts'
import { readPrompt } from './files.ts'
import { interruption } from './interruption.ts'
import { drafter, integer, logitBias, modelFolder, numberAtLeast, sampling, texts } from './options.ts'
import { drafted, harmless, percent, progressLine, remark, short } from './terminal.ts'

interface Flags extends GenerateRequest {
  readonly promptFile?: string
  readonly chat?: boolean
  readonly system?: string
  readonly dtype: Dtype
  readonly draftDtype?: Dtype
  readonly executor?: ExecutorName
  readonly threads?: number
  readonly json?: boolean
}

export function addGenerate(program: Command): void {
  program
    .command('generate')
    .summary('continue a text')
    .description(
      'Continues a text. The continuation appears on stdout as it comes, green where a drafter had guessed it; how fast ' +
        'it went is on stderr. The text is the one plain decoding gives, whatever the drafter, unless --rule gives that up.',
    )
    .argument('<model-folder>', modelFolder)
    .argument('[prompt]', 'the text to continue; "-" or nothing reads it from stdin, less its last line break')
    .option('--prompt-file <file>', 'read the prompt from a file, less its last line break')
    .option('--chat', "the prompt is the user's turn of a conversation, written by the model's chat template")
    .option('--system <text>', 'the system message of the conversation, with --chat')
    .option('--max-tokens <n>', 'stop after this many tokens (default: 256)', integer(1))
    .option('--stop <string>', 'stop before this string; may be repeated', texts)
    .option('--ignore-eos', 'go on after an end-of-text token')
    .option(
      '--temperature <t>',
      'divides the logits; 0 takes the likeliest token (default: 0)',
      sampling('temperature'),
    )
    .option('--top-k <k>', 'draw from the k likeliest tokens only', sampling('topK'))
    .option('--top-p <p>', 'draw from the likeliest tokens that make up this probability', sampling('topP'))
    .option('--min-p <p>', 'draw from tokens at least p times as likely as the likeliest', sampling('minP'))
    .option(
      '--repetition-penalty <x>',
      'divides the logits of tokens that have occurred',
      sampling('repetitionPenalty'),
    )
    .option(
      '--presence-penalty <x>',
      'subtracted once from the logits of generated tokens',
      sampling('presencePenalty'),
    )
    .option('--frequency-penalty <x>', 'subtracted once per generated occurrence', sampling('frequencyPenalty'))
    .option('--logit-bias <id=value>', "added to a token's logit; may be repeated", logitBias)
    .option('--seed <n>', 'same seed, same text (default: random)', sampling('seed'))
    .option('--drafter <name[:variant][=path]>', 'who guesses ahead (default: none), see below', drafter)
    .addOption(
      new Option(
        '--rule <rule>',
        'how guesses are accepted above temperature 0: target-draw, whose text is the same with any drafter; or ' +
          'rejection, standard speculative sampling, as likely but not the same; or typical-lossy, which accepts what ' +
          'is likely enough and is NOT lossless: texts are no longer as likely as the model has them (default: target-draw)',
      ).choices(acceptanceRules),
    )
    .option('--no-shared-noise', 'the drafter guesses without the noise that the target will draw with')
    .option(
      '--strict <band>',
      'a token that errors of this size in the logits could change is decided by a pass of one row; for --executor onnx',
      numberAtLeast(0),
    )
    .addOption(new Option('--dtype <dtype>', 'how weights are stored and multiplied').choices(dtypes).default('f32'))
    .addOption(new Option('--draft-dtype <dtype>', 'the same of a draft model (default: int8)').choices(dtypes))
    .addOption(new Option('--executor <name>', 'what computes (default: auto)').choices(executorNames))
    .option('--threads <n>', 'threads to compute with (default: one per processor)', integer(1))
    .option('--json', 'print one JSON object { text, ids, finishReason, stats } instead')
    .addHelpText('after', `\nDrafters:\n${drafterNames.map(([name, about]) => `  ${name}: ${about}\n`).join('')}`)
    .addHelpText(
      'after',
      `Examples:
  $ paceline generate ./model "Once upon a time" --max-tokens 100
  $ paceline generate ./model --prompt-file article.txt --drafter prompt-lookup
  $ echo "What is a paceline?" | paceline generate ./model --chat --temperature 0.7 --seed 1

The first Ctrl-C ends the text, the second the program.`,
    )
    .action(generate)
}

async function generate(folder: string, argument: string | undefined, flags: Flags): Promise<void> {
  const { promptFile, chat = false, system, dtype, draftDtype, executor, threads, json = false, ...request } = flags
  if (system !== undefined && !chat)
    throw new PacelineError('argument', '--system is part of a conversation: it needs --chat')
  const text = await readPrompt(argument, promptFile)
  const prompt: Prompt = chat
    ? [...(system === undefined ? [] : [{ role: 'system', content: system }]), { role: 'user', content: text }]
    : text

  const progress = progressLine()
  const onProgress = (share: number) => progress.update('loading', share)
  await using model = await loadModel(folder, {
    dtype,
    ...(draftDtype && { draftDtype }),
    ...(executor && { executor }),
    ...(threads && { threads }),
    onProgress,
  }).finally(progress.clear)
  // Not before: while a model loads, a signal ends the process at once.
  using interrupted = interruption()
  const { signal } = interrupted
  const generation = model.generate(prompt, { ...request, measureSpeedup: true, signal })
  if (!json) await print(generation, signal)
  const { promptIds: _, ...result } = await generation.result()
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else if (!interrupted.stdoutFailed) summarise(result)
}

/** Prints the text as it comes; of an interrupted one, what there is. Piped, it is the text and nothing else. */
async function print(generation: Generation, signal: AbortSignal): Promise<void> {
  const { isTTY } = process.stdout
  try {
    for await (const piece of generation) {
      if (piece.text === '') continue
      const text = isTTY ? harmless(piece.text) : piece.text
      process.stdout.write(piece.drafted ? drafted(text) : text)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  if (isTTY) process.stdout.write('\n')
  else if (process.stderr.isTTY) process.stderr.write('\n')
}

function summarise({ finishReason, stats, seed }: Omit<GenerationResult, 'promptIds'>): void {
  const { tokens, tokensPerSecond, acceptanceLength: tau, acceptanceByPosition, speedup } = stats
  const parts = [`${tokens} tokens (${finishReason})`, `${short(tokensPerSecond)} tokens/s`, `tau ${tau.toFixed(2)}`]
  if (speedup) {
    const [D, v, h, S] = [speedup.D, speedup.v, speedup.h, speedup.S].map((value) => value.toFixed(2))
    parts.push(`S = tau / (D + v + h) = ${tau.toFixed(2)} / (${D} + ${v} + ${h}) = ${S}`)
  }
  if (seed !== undefined) parts.push(`seed ${seed}`)
  if (acceptanceByPosition.length > 0)
    parts.push(`accepted by position: ${acceptanceByPosition.map((share) => percent(share)).join(', ')}`)
  remark(parts.join(' | '))
}
