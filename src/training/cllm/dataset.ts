import { PacelineError } from '../../errors.ts'
import { readIfThere } from '../../files.ts'
import { sidecarOf } from '../collect/index.ts'
import {
  type Amount,
  linesOf,
  type PackedSplit,
  type SplitName,
  splitOf,
  type TokenDataset,
  type Tokenizer,
  total,
} from '../data/index.ts'
import { parseTrajectories, type TrajectoryAnswer } from './trajectory.ts'

/** Answers as documents, and how their blocks were found. Blocks and iterates are numbered through all documents. */
export interface TrajectorySplit extends PackedSplit {
  /** First token of each block in the tokens of the split, rising. [blocks] */
  readonly blockStarts: Uint32Array
  /** Tokens of each block. [blocks] */
  readonly blockSizes: Uint32Array
  /** First iterate of each block, and the end of the last. [blocks + 1] */
  readonly firstIterates: Uint32Array
  /** Where the wrong end of each iterate begins in `tails`, and the end of the last. [iterates + 1] */
  readonly tailStarts: Uint32Array
  /** Of each iterate what stands from its first wrong token on to the end of its block. */
  readonly tails: Uint32Array
}

export interface TrajectoryDataset extends TokenDataset {
  /** Tokens of a block; the last one of an answer may have fewer. */
  readonly block: number
  split(name: SplitName): TrajectorySplit
}

export interface TrajectoryDatasetOptions {
  readonly tokenizer: Pick<Tokenizer, 'fingerprint' | 'vocabSize'>
  /** Share of the prompts for validation, 0 to 1. */
  readonly validation: number
  /** Of the split, which follows from it and the prompt alone. */
  readonly seed: number
}

/**
 * Reads files of `paceline collect --trajectories` into memory. Predicting a token of an answer counts, of a prompt not.
 * Throws code `file`, `format` with file and line, `argument` for trajectories of another tokenizer, or of blocks that
 * differ in size, or where there are none.
 */
export async function readTrajectories(
  files: readonly string[],
  { tokenizer, validation, seed }: TrajectoryDatasetOptions,
): Promise<TrajectoryDataset> {
  const tasks: string[] = []
  const splits = { train: new SplitBuilder(), validation: new SplitBuilder() }
  let block: number | undefined
  for (const file of files) {
    await requireTokenizer(file, tokenizer)
    let line = 0
    for await (const text of linesOf(file)) {
      line++
      if (text.trim() === '') continue
      const where = `${file}, line ${line}`
      const answer = parseTrajectories(text, where)
      requireKnown(answer, tokenizer, where)
      block ??= answer.block
      if (answer.block !== block)
        throw new PacelineError(
          'argument',
          `${where}: blocks have ${answer.block} tokens, those before ${block}. Train on files of one --block.`,
        )
      let task = tasks.indexOf(answer.task)
      if (task < 0) task = tasks.push(answer.task) - 1
      splits[splitOf(answer.prompt, { validation, seed })].add(answer, task)
    }
  }
  if (block === undefined)
    throw new PacelineError(
      'argument',
      `There are no trajectories in ${files.join(', ')}; expected lines of "paceline collect --trajectories".`,
    )
  const built = { train: splits.train.build(), validation: splits.validation.build() }
  const amounts = {
    train: tasks.map((_, task) => splits.train.amount(task)),
    validation: tasks.map((_, task) => splits.validation.amount(task)),
  }
  return {
    folder: files.join(', '),
    block,
    info: { tokenizer, tasks, splits: amounts },
    split: (name) => built[name],
    total: (name) => total(amounts[name]),
  }
}

/** Throws code `argument` where the file says that it was collected with another tokenizer. One that says nothing is taken. */
async function requireTokenizer(file: string, { fingerprint }: Pick<Tokenizer, 'fingerprint'>): Promise<void> {
  const text = await readIfThere(sidecarOf(file))
  if (text === undefined) return
  let found: unknown
  try {
    found = JSON.parse(text)?.identity?.target?.tokenizer
  } catch (cause) {
    throw new PacelineError('format', `${sidecarOf(file)}: not valid JSON: ${(cause as Error).message}`, { cause })
  }
  if (found !== undefined && found !== fingerprint)
    throw new PacelineError(
      'argument',
      `${file}: collected with the tokenizer ${found}, the model has ${fingerprint}. Collect with the model that is to be trained.`,
    )
}

function requireKnown({ promptIds, blocks }: TrajectoryAnswer, { vocabSize }: { vocabSize: number }, where: string) {
  for (const ids of [promptIds, ...blocks.flatMap(({ tokens, iterates }) => [tokens, ...iterates])])
    for (const id of ids)
      if (id >= vocabSize)
        throw new PacelineError('format', `${where}: token ${id} is not below the ${vocabSize} of the model.`)
}

const none: Amount = { documents: 0, tokens: 0, responseTokens: 0, bytes: 0, responseBytes: 0 }

/** Answers of a split as they come, one behind the other. */
class SplitBuilder {
  readonly #tokens: number[] = []
  readonly #weights: number[] = []
  readonly #starts: number[] = [0]
  readonly #responseStarts: number[] = []
  readonly #tasks: number[] = []
  readonly #blockStarts: number[] = []
  readonly #blockSizes: number[] = []
  readonly #firstIterates: number[] = [0]
  readonly #tailStarts: number[] = [0]
  readonly #tails: number[] = []
  readonly #amounts: Amount[] = []

  add({ prompt, response, promptIds, blocks, tokens: count }: TrajectoryAnswer, task: number): void {
    for (const id of promptIds) this.#push(id, 0)
    this.#responseStarts.push(this.#tokens.length)
    for (const { tokens, iterates } of blocks) {
      this.#blockStarts.push(this.#tokens.length)
      this.#blockSizes.push(tokens.length)
      for (const id of tokens) this.#push(id, 255)
      for (const iterate of iterates) {
        for (const id of iterate) this.#tails.push(id)
        this.#tailStarts.push(this.#tails.length)
      }
      this.#firstIterates.push(this.#tailStarts.length - 1)
    }
    this.#starts.push(this.#tokens.length)
    this.#tasks.push(task)
    const before = this.amount(task)
    const [promptBytes, responseBytes] = [Buffer.byteLength(prompt), Buffer.byteLength(response)]
    this.#amounts[task] = {
      documents: before.documents + 1,
      tokens: before.tokens + promptIds.length + count,
      responseTokens: before.responseTokens + count,
      bytes: before.bytes + promptBytes + responseBytes,
      responseBytes: before.responseBytes + responseBytes,
    }
  }

  amount(task: number): Amount {
    return this.#amounts[task] ?? none
  }

  build(): TrajectorySplit {
    return {
      documentCount: this.#tasks.length,
      tokens: Uint32Array.from(this.#tokens),
      weights: Uint8Array.from(this.#weights),
      starts: Uint32Array.from(this.#starts),
      responseStarts: Uint32Array.from(this.#responseStarts),
      tasks: Uint32Array.from(this.#tasks),
      blockStarts: Uint32Array.from(this.#blockStarts),
      blockSizes: Uint32Array.from(this.#blockSizes),
      firstIterates: Uint32Array.from(this.#firstIterates),
      tailStarts: Uint32Array.from(this.#tailStarts),
      tails: Uint32Array.from(this.#tails),
    }
  }

  #push(id: number, weight: number): void {
    this.#tokens.push(id)
    this.#weights.push(weight)
  }
}
