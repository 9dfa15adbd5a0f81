import {
  createSampler,
  type DecodeOptions,
  type Draft,
  type Drafter,
  decode,
  passCosts,
  prefill,
  type SamplingOptions,
  type Step,
  verify,
} from '../decoding/index.ts'
import { loadTargetModel, type TargetModel } from '../model/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { type Executor, referenceExecutor } from '../runtime/index.ts'
import { tinyBita } from './bita/tiny.ts'
import type { DrafterContext } from './context.ts'
import { tinyHead, tinyTaps } from './eagle/tiny.ts'
import { tinyMedusa } from './medusa/tiny.ts'
import { discoFileName } from './policies/index.ts'
import { tinyDisco } from './policies/tiny.ts'
import { allDrafters, readDrafter } from './registry.ts'

/** A small target and a smaller model that sometimes agrees with it. */
export async function tinyPair(executor: Executor = referenceExecutor) {
  const { spec, source } = tinyTarget()
  const target = await loadTargetModel(spec, source, { executor, dtype: 'f32', taps: tinyTaps, top: 10 })
  const draft = await loadTargetModel(spec, source, { executor, dtype: 'int4-pure', top: 8 })
  return { target, draft }
}

/** The target of `tinyPair`, in memory. */
export const tinyTarget = () => tinyModel({ architecture: 'mistral', windows: [null, 12] }, 3)

/** Files that drafters of `allDrafters` read. */
const files: Readonly<Record<string, unknown>> = { [discoFileName]: tinyDisco }

/** A world in which every drafter can be made. */
export function tinyContext(target: TargetModel, draft: TargetModel): DrafterContext {
  const costs = async () =>
    passCosts(1, [
      [8, 1.4],
      [32, 4],
    ])
  return {
    target,
    costs,
    openModel: async () => ({ model: draft, guessCosts: async () => ({ first: 0.1, next: 0.1 }) }),
    openEagleHead: async (_path, _beside, { kind, top }) => ({
      model: await tinyHead(kind, target, tinyTarget().source, { top }),
      costs: async () => ({ first: (rows) => 0.1 + 0.01 * rows, next: (rows) => 0.05 + 0.01 * rows }),
    }),
    openMedusaHeads: async (_path, _beside, { top }) => ({
      model: await tinyMedusa(target, tinyTarget().source, { top }),
      cost: async () => 0.2,
    }),
    openBita: async () => ({ ...tinyBita(target.spec), cost: async () => 0.1 }),
    readJson: async (_path, _beside, file) => files[file],
  }
}

/** Every drafter by its name. */
export async function everyDrafter(target: TargetModel, draft: TargetModel): Promise<Drafter[]> {
  const context = tinyContext(target, draft)
  return Promise.all(allDrafters.map((name) => readDrafter(name)(context)))
}

export interface TinyRun extends Partial<Omit<DecodeOptions, 'sampler'>> {
  readonly sampling?: SamplingOptions
  readonly capacity?: number
}

/** All steps of a generation: 40 tokens unless it says otherwise. */
export async function run(
  model: TargetModel,
  drafter: Drafter,
  prompt: readonly number[],
  { sampling = {}, capacity, ...options }: TinyRun = {},
): Promise<Step[]> {
  const target = model.createTarget(capacity)
  const settings = {
    maxTokens: 40,
    eosTokenIds: [],
    ...options,
    sampler: createSampler(sampling, model.spec.vocabSize),
  }
  await prefill(target, drafter, prompt, settings)
  const steps: Step[] = []
  for await (const step of decode(target, drafter, prompt, settings)) steps.push(step)
  target.dispose()
  return steps
}

export const tokensOf = (steps: readonly Step[]): number[] => steps.flatMap(({ tokens }) => [...tokens])

/** A step of `play`: what was proposed, and what became of it. */
export interface PlayedStep {
  readonly draft: Draft
  readonly emitted: readonly number[]
}

/**
 * The loop over a target that is a function from a text to its next token: quick enough for many random targets, and
 * shows every draft. Ends once `length` tokens are emitted.
 */
export async function play(
  next: (text: readonly number[]) => number,
  drafter: Drafter,
  prompt: readonly number[],
  length: number,
  maxRows = 64,
): Promise<PlayedStep[]> {
  const text = [...prompt]
  await drafter.start({ tokens: prompt, sampler: createSampler({}, 64), rule: 'target-draw' })
  const steps: PlayedStep[] = []
  while (text.length < prompt.length + length) {
    const rows = Math.min(maxRows, prompt.length + length - text.length)
    const draft = await drafter.propose(text[text.length - 1], { rows })
    const tokens = [...draft.tree.tokens, ...(draft.riders?.tokens ?? [])]
    const parents = [...draft.tree.parents, ...(draft.riders?.parents ?? [])]
    const before = [...text]
    const draw = (row: number) => {
      const behind: number[] = []
      for (let at = row; at > 0; at = parents[at]) behind.unshift(tokens[at])
      return next([...before, ...behind])
    }
    const { path, bonus } = verify(draft.tree, draw)
    const emitted = [...path.slice(1).map((row) => tokens[row]), bonus]
    text.push(...emitted)
    await drafter.observe({ path, bonus, emitted, draw })
    steps.push({ draft, emitted })
  }
  return steps
}

/** A target whose next token follows from the last `order` ones, in no way that anyone could guess. */
export function hashed(order: number, seed: number): (text: readonly number[]) => number {
  return (text) => {
    const hash = text.slice(-order).reduce((sum, token) => Math.imul(sum ^ token, 0x9e3779b1) + seed, seed)
    return (hash >>> 16) % 16
  }
}

/** The text that `next` alone writes behind `prompt`. */
export function written(
  next: (text: readonly number[]) => number,
  prompt: readonly number[],
  length: number,
): number[] {
  const text = [...prompt]
  while (text.length < prompt.length + length) text.push(next(text))
  return text.slice(prompt.length)
}
