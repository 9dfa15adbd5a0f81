import { PacelineError } from '../errors.ts'
import type { Rows, Target, Want } from '../model/index.ts'
import type { AcceptanceRule, Drafter } from './drafter.ts'
import { createJudge, undecided } from './judge.ts'
import { type Sampler, TokenHistory } from './sampling/index.ts'
import { concatenate, statesOf, wantOf } from './states.ts'
import { chain, type TokenTree } from './tree.ts'

export interface PrefillOptions {
  readonly sampler: Sampler
  /** How guesses are accepted: by target draw unless given. */
  readonly rule?: AcceptanceRule
  /** Whether a drafter may use the target's noise for its guesses: yes unless given. `rejection` needs it not to. */
  readonly sharedNoise?: boolean
  /** Tokens that end the text, behind which a drafter need not guess: none unless given. */
  readonly eosTokenIds?: readonly number[]
  /** Looked at before each pass; when it is up, the text ends there. */
  readonly stopSign?: StopSign
}

export interface DecodeOptions extends PrefillOptions {
  /** Exactly this many tokens are emitted unless the text ends earlier. */
  readonly maxTokens: number
  /** Tokens that end the text; the one that does is emitted. */
  readonly eosTokenIds: readonly number[]
  /** Rows of one pass at most, root and riders included. */
  readonly maxRows?: number
  /**
   * How far a logit of a pass of many rows may be from that of a pass of one. A draw that this much could change is
   * decided by a pass of one row. 0 (the default) where a row does not depend on the rows beside it, as with the native
   * executor.
   */
  readonly strict?: number
}

/** Ends a text early. An AbortSignal is one. */
export interface StopSign {
  readonly aborted: boolean
}

/** What one pass of the target decided, and what it took. Times in milliseconds. */
export interface Step {
  /** Emitted tokens: accepted guesses, then the bonus token. */
  readonly tokens: readonly number[]
  /** How many of them were guesses. */
  readonly accepted: number
  /** Passes of the target: one, and another one where `strict` had it decide. */
  readonly forwards: number
  /** Rows of the first pass, root and riders included. */
  readonly rows: number
  /** Guesses on the longest path of the tree. */
  readonly depth: number
  /** Forward passes of the drafter's own model. */
  readonly draftForwards: number
  readonly draftMs: number
  readonly forwardMs: number
  /** The whole step, from the end of the one before. */
  readonly totalMs: number
}

/** Prompts enter the cache in passes of this many rows: large enough for full speed, small enough to stop in between. */
const prefillRows = 256
const defaultMaxRows = 64

/**
 * Puts all of the prompt but its last token into the target's empty cache, and starts the drafter. False if stopped before.
 * Throws code `argument` for an empty prompt, `context` for one that leaves no room to generate.
 */
export async function prefill(
  target: Target,
  drafter: Drafter,
  prompt: readonly number[],
  { sampler, rule = 'target-draw', sharedNoise = true, eosTokenIds = [], stopSign }: PrefillOptions,
): Promise<boolean> {
  if (prompt.length === 0)
    throw new PacelineError('argument', 'the prompt is empty: there must be at least one token to continue')
  if (prompt.length >= target.capacity)
    throw new PacelineError(
      'context',
      `the prompt has ${prompt.length} tokens, the context of the model is ${target.capacity}: shorten the prompt`,
    )
  target.setRiders(drafter.riders)
  const before = prompt.length - 1
  const states: Float32Array[] = []
  for (let start = 0; start < before; start += prefillRows) {
    if (stopSign?.aborted) return false
    const tokens = Int32Array.from(prompt.slice(start, Math.min(start + prefillRows, before)))
    const parents = tokens.map((_, i) => i - 1)
    const outputs = await target.forward({ tokens, parents }, wantOf(drafter.wants))
    target.commit(tokens.map((_, i) => i))
    if (drafter.wants) states.push(statesOf(drafter.wants, outputs, target.spec.hiddenSize))
  }
  await drafter.start({
    tokens: prompt,
    // Rejection compares p with what the guess was drawn from: were the noise shared, the guess would tell of p.
    sampler: sharedNoise && rule !== 'rejection' ? sampler : sampler.independent(),
    rule,
    ends: new Set(eosTokenIds),
    ...(drafter.wants && { states: concatenate(states) }),
  })
  return true
}

/**
 * The one loop: the drafter guesses, one forward pass of the target checks all guesses, the accepted ones are kept.
 * Emits exactly what plain decoding of the target would, step by step, unless a rule is asked for that does not; plain
 * decoding is this loop with a drafter that never guesses. The target's cache holds the prompt without its last token (`prefill`).
 */
export async function* decode(
  target: Target,
  drafter: Drafter,
  prompt: readonly number[],
  options: DecodeOptions,
): AsyncGenerator<Step, void, undefined> {
  const { maxTokens, eosTokenIds, maxRows = defaultMaxRows, stopSign } = options
  const history = new TokenHistory(prompt)
  const end = Math.min(maxTokens, target.capacity - prompt.length)
  const judge = createJudge(target.spec.vocabSize, options)
  const { wants } = drafter
  const { hiddenSize } = target.spec
  const want: Want = { head: judge.wants, ...wantOf(wants) }
  const learned = drafter.riders !== undefined
  let root = prompt[prompt.length - 1]
  let from = performance.now()
  while (history.length < end && !stopSign?.aborted) {
    // A tree of r rows decides at most r tokens, so this also keeps to the last token asked for, and to the cache.
    const rows = Math.min(maxRows, end - history.length)
    const drafting = performance.now()
    const draft = await drafter.propose(root, { rows })
    const { tree, riders, forwards: draftForwards = 0 } = draft
    const drafted = performance.now()
    const pass = riders ? joined(tree, riders) : tree
    if (pass.tokens.length > rows || tree.tokens[0] !== root)
      throw new PacelineError(
        'runtime',
        `drafter ${drafter.name} proposed ${pass.tokens.length} rows from token ${tree.tokens[0]}, expected at most ${rows} from ${root}`,
      )

    // What riders that have learned something yield is asked for when the outcome tells which of them matter.
    const later = learned && riders !== undefined
    const outputs = await target.forward(pass, {
      ...want,
      ...(later && { headRows: [...tree.tokens.keys()], features: true }),
    })
    let forwarded = performance.now()

    const position = history.length
    const decision = judge.decide(draft, outputs, history)
    const { path } = decision
    let { bonus } = decision
    const states = wants && statesOf(wants, outputs, hiddenSize, path)
    if (bonus === undecided) {
      // The row is the root of a pass of its own, behind what was accepted before it.
      target.commit(path.slice(0, -1))
      const single = chain(tree.tokens[path[path.length - 1]])
      const decided = await target.forward(single, want)
      forwarded = performance.now()
      bonus = judge.draw(decided, 0, history.length, history)
      states?.set(statesOf(wants!, decided, hiddenSize), states.length - states.length / path.length)
      target.commit([0])
    } else target.commit(path)
    history.push(bonus)
    const emitted = [...path.slice(1).map((row) => tree.tokens[row]), bonus]
    await drafter.observe({
      path,
      bonus,
      emitted,
      took: { draft: drafted - drafting, pass: performance.now() - drafted },
      draw: (row) => judge.draw(outputs, row, position + depthOf(row, pass.parents), history),
      ...(states && { states }),
      ...(later && {
        riders: (rows, wanted) => target.head(statesOf('features', outputs, hiddenSize, rows), wanted),
      }),
    })

    const eos = emitted.findIndex((token) => eosTokenIds.includes(token))
    const tokens = eos < 0 ? emitted : emitted.slice(0, eos + 1)
    const now = performance.now()
    yield {
      tokens,
      accepted: Math.min(path.length - 1, tokens.length),
      forwards: decision.bonus === undecided ? 2 : 1,
      rows: pass.tokens.length,
      depth: tree.depth,
      draftForwards,
      draftMs: drafted - drafting,
      forwardMs: forwarded - drafted,
      totalMs: now - from,
    }
    if (eos >= 0) return
    from = performance.now()
    root = bonus
  }
}

/** The rows of a tree and, behind them, its riders. */
function joined(tree: TokenTree, riders: Rows): Rows {
  const tokens = new Int32Array(tree.size + riders.tokens.length)
  const parents = new Int32Array(tokens.length)
  tokens.set(tree.tokens)
  tokens.set(riders.tokens, tree.size)
  parents.set(tree.parents)
  parents.set(riders.parents, tree.size)
  return { tokens, parents, ridersFrom: tree.size }
}

function depthOf(row: number, parents: Int32Array): number {
  let depth = 0
  for (let at = row; parents[at] >= 0; at = parents[at]) depth++
  return depth
}
