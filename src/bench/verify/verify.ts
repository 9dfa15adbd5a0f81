import type { Dtype } from '../../checkpoint/index.ts'
import type { AcceptanceRule, Step } from '../../decoding/index.ts'
import { none } from '../../drafters/index.ts'
import type { TargetModel } from '../../model/index.ts'
import { breathe } from '../interruptible.ts'
import { blockRows, forwardLogits } from '../logits.ts'
import { compareTexts, type Divergence, type Reference, type TextComparison } from './compare.ts'
import type { NamedDrafter } from './drafters.ts'
import { measureRowError, prefilled, rootsOf } from './row-error.ts'
import { breadthOf, sampledTokens, testSampling } from './sampling.ts'
import { tokensOf, type VerifyPrompt, write } from './texts.ts'

/** Rules whose texts are compared with plain decoding; those of `rejection` are others by design, and only tested. */
export type VerifiedRule = Exclude<AcceptanceRule, 'rejection'>

/** By which first tokens are drawn in the tests of sampling. */
export const testedRule = (rule: VerifiedRule): AcceptanceRule => (rule === 'target-draw' ? 'rejection' : rule)

export interface VerifyOptions {
  readonly prompts: readonly VerifyPrompt[]
  /** Of a text. */
  readonly maxTokens: number
  /** Of sampled texts; the first of several. */
  readonly seed: number
  /** Also compares with `strict` decoding: of this band, or of one that is measured. Off unless given. */
  readonly strict?: number | 'measured'
  /** By which texts are written: by target draw unless given. */
  readonly rule?: VerifiedRule
  /** Draws of each test of sampling; 0 for none. */
  readonly samples: number
  readonly signal?: AbortSignal
  readonly onProgress?: (task: string, share: number) => void
}

/** A test of sampling: the first tokens behind a text, drawn with many seeds. */
export interface SamplingTest {
  readonly drafter: string
  readonly dtype: Dtype
  /** The question whose answer is drawn, and how many of its tokens are given. */
  readonly prompt: number
  readonly position: number
  /** How many tokens each draw is of. */
  readonly tokens: number
  readonly samples: number
  /** In how many of them the drafter had guessed. */
  readonly guessed: number
  readonly statistic: number
  readonly degrees: number
  readonly p: number
}

/** What was found out about one model at one dtype. */
export interface Verification {
  readonly dtype: Dtype
  /** How far a logit of a pass of many rows was from that of a pass of one, at most; 0: bit for bit the same. */
  readonly rowError: number
  readonly results: readonly TextComparison[]
  readonly divergences: readonly Divergence[]
  readonly sampling: readonly SamplingTest[]
}

/** Sampled texts of each prompt. */
const seedsPerPrompt = 3
/** Texts that the executor's error is measured on. */
const measuredTexts = 16
/** Texts of each drafter that sampling is tested behind. */
const samplingTexts = 2
/** A band of `strict` that is measured: so many times the error that was seen, for those that were not. */
const safety = 4

/**
 * Compares every drafter with plain decoding of the same model: texts at temperature 0 and 1, which have to be the same
 * token for token, and with `rejection` how often tokens come, which has to be as often. With `typical-lossy` it tells how far
 * from that they are. Differences are explained or not
 * by how far passes of many rows are from passes of one on this executor.
 * Throws the signal's reason, and what drafters throw.
 */
export async function verifyDrafters(
  model: TargetModel,
  drafters: readonly NamedDrafter[],
  options: VerifyOptions,
): Promise<Verification> {
  const { maxTokens, strict, rule = 'target-draw', samples, signal } = options
  const { dtype } = model
  const progress = (task: string) => (share: number) => options.onProgress?.(`${dtype}: ${task}`, share)
  const watch = (task: string) => ({ onProgress: progress(task), ...(signal && { signal }) })

  const references = await writeReferences(model, options, progress('plain decoding'))
  const [greedy] = references
  const rowError = await measureRowError(model, spread(greedy, measuredTexts), watch('rows'))
  const band = strict === 'measured' ? safety * rowError : (strict ?? 0)

  const results: TextComparison[] = []
  const divergences: Divergence[] = []
  const sampling: SamplingTest[] = []
  const breadths = samples > 0 ? await breadthsOf(model, greedy, options) : []
  for (const { name, drafter } of drafters) {
    let greedySteps: readonly (readonly Step[])[] = []
    for (const strict of band > 0 ? [0, band] : [0])
      for (const texts of references) {
        const common = { model, drafter, name, references: texts, maxTokens, strict, rule, rowError }
        const compared = await compareTexts({ ...common, ...watch(strict > 0 ? `${name}, strict` : name) })
        results.push(compared.comparison)
        divergences.push(...compared.divergences)
        if (strict === 0 && texts === greedy) greedySteps = compared.steps
      }
    if (samples === 0) continue
    for (const { text, position } of sites(greedySteps, breadths)) {
      const { prompt, question } = greedy[text]
      const context = [...prompt, ...tokensOf(greedySteps[text]).slice(0, position)]
      const drawing = { samples, seed: options.seed, rule: testedRule(rule), ...watch(`${name}, sampling`) }
      const { first, pair, guessed } = await testSampling(model, drafter, context, drawing)
      const common = { drafter: name, dtype, prompt: question.id, position, samples, guessed }
      const tests = [
        { ...common, tokens: 1, ...first },
        { ...common, tokens: 2, ...pair },
      ]
      // Where all tokens had to be counted as one, nothing was tested, and nothing passed.
      sampling.push(...tests.filter(({ degrees }) => degrees > 0))
    }
  }
  return { dtype, rowError, results, divergences, sampling }
}

/** What plain decoding writes: a list of texts for each temperature. */
async function writeReferences(
  model: TargetModel,
  { prompts, maxTokens, seed, signal }: VerifyOptions,
  onProgress: (share: number) => void,
): Promise<readonly [Reference[], Reference[]]> {
  const sampled = Array.from({ length: seedsPerPrompt }, (_, i) => ({ temperature: 1, seed: seed + i }))
  const all = prompts.length * (1 + seedsPerPrompt)
  let done = 0
  const texts = async (samplings: readonly Reference['sampling'][]) => {
    const written: Reference[] = []
    for (const question of prompts)
      for (const sampling of samplings) {
        const steps = await write(model, none(), question.ids, { sampling, maxTokens, ...(signal && { signal }) })
        written.push({ question, prompt: question.ids, ids: tokensOf(steps), sampling })
        onProgress(++done / all)
      }
    return written
  }
  return [await texts([{ temperature: 0, seed: 0 }]), await texts(sampled)]
}

/** For each text and position in it, how many tokens a test of sampling there could tell apart. */
async function breadthsOf(
  model: TargetModel,
  texts: readonly Reference[],
  { samples, signal }: VerifyOptions,
): Promise<number[][]> {
  const { vocabSize, contextLength } = model.spec
  const block = blockRows(vocabSize)
  const all: number[][] = []
  for (const text of texts) {
    const { prompt } = text
    // A test draws tokens behind the position, which need room.
    const tokens = rootsOf(text).slice(0, Math.max(0, contextLength - sampledTokens - prompt.length))
    const breadths: number[] = []
    const target = await prefilled(model, prompt, prompt.length + tokens.length)
    try {
      for (let start = 0; start < tokens.length; start += block) {
        await breathe(signal)
        const logits = await forwardLogits(target, tokens.slice(start, start + block))
        for (let at = 0; at < logits.length; at += vocabSize)
          breadths.push(breadthOf(logits.subarray(at, at + vocabSize), samples))
      }
    } finally {
      target.dispose()
    }
    all.push(breadths)
  }
  return all
}

/** Where a drafter guessed and chance mattered most: a position in each of the best texts. */
function sites(
  steps: readonly (readonly Step[])[],
  breadths: readonly (readonly number[])[],
): { text: number; position: number }[] {
  const best = steps.map((text, i) => {
    let site = { text: i, position: 0, breadth: 0 }
    let position = 0
    for (const { depth, tokens } of text) {
      const breadth = breadths[i][position] ?? 0
      if (depth > 0 && breadth > site.breadth) site = { text: i, position, breadth }
      position += tokens.length
    }
    return site
  })
  return best
    .filter(({ breadth }) => breadth > 1)
    .sort((a, b) => b.breadth - a.breadth)
    .slice(0, samplingTexts)
}

/** So many of the items, from everywhere among them. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)])
}
