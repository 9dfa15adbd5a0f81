import { concatenate, type Prefilled, TokenHistory, type Verdict } from '../../decoding/index.ts'
import type { EagleHeadModel, EagleOutputs, EagleText } from '../../model/index.ts'
import { type ChildRule, childRule } from '../trees/children.ts'
import type { Candidates } from './candidates.ts'
import type { Growth } from './growth.ts'

/** Prompts enter the head's cache in passes of this many rows. */
const prefillRows = 256

/** A node that a pass of this step has read. */
interface ReadNode {
  /** The state after its token, a guess of the head [hidden]. */
  readonly state: Float32Array
  /** Its row among those that are held; -1 for the root, which is in the cache. */
  readonly row: number
  /** Its children's distribution [vocab], where they were drawn. */
  readonly drawnFrom?: Float32Array
}

/** Pairs with the target's own states that no pass has read yet. */
interface Waiting {
  readonly tokens: readonly number[]
  /** As the target yields them, [pairs, width]. */
  readonly states: Float32Array
}

/**
 * The text as a head sees it: pairs of a position's state and the token after it. Only pairs with the target's own states
 * stay in the cache. Those of guesses are held while the tree grows; once the step is decided the accepted ones come
 * again, with their true states, as the first pass of the next step.
 */
export class HeadText {
  readonly #text: EagleText
  readonly #model: EagleHeadModel
  readonly #growth: Pick<Growth, 'draws' | 'width' | 'leastProbability'>
  #rule!: ChildRule
  #history!: TokenHistory
  /** The text as far as the cache knows it: pair i is the state of token i, and token i + 1. */
  #cached: number[] = []
  #waiting: Waiting[] = []
  /** By candidate. */
  readonly #read = new Map<number, ReadNode>()
  #passes: number[] = []
  /** The head's context has no room for what came: the text goes on without it. */
  #full = false

  constructor(model: EagleHeadModel, growth: Pick<Growth, 'draws' | 'width' | 'leastProbability'>) {
    this.#text = model.createText()
    this.#model = model
    this.#growth = growth
  }

  /** Reads the prompt's pairs but the last one; those it shares with the text before are there already. */
  async begin({ tokens, states, sampler, rule }: Prefilled): Promise<void> {
    this.#history = new TokenHistory(tokens)
    const { width: count, draws, leastProbability = 0 } = this.#growth
    const { top: told, spec } = this.#model
    this.#rule = childRule({ sampler, rule }, { draws, count, leastProbability, told, vocabSize: spec.vocabSize })
    this.#forgetGuesses()
    const pairs = tokens.length - 1
    let shared = 0
    while (shared < this.#cached.length && shared < pairs && tokens[shared] === this.#cached[shared]) shared++
    const first = Math.max(0, shared - 1)
    this.#text.truncate(first)
    this.#cached = tokens.slice(0, first + 1)
    this.#waiting = []
    this.#full = false
    if (pairs === 0) return
    this.#await(tokens.slice(first + 1), states!.subarray((states!.length / pairs) * first))
    if (!this.#full) await this.#readWaiting(1)
  }

  /** Pairs that wait for the next pass over the root. 0: there is nothing to go on from, or no room in the head's context. */
  get waiting(): number {
    return this.#waiting.reduce((sum, { tokens }) => sum + tokens.length, 0)
  }

  /** Rows of each pass since the last step was decided. */
  get passes(): readonly number[] {
    return this.#passes
  }

  /** The distribution that the children of a candidate were drawn from, if they were drawn. */
  drawnFrom(candidate: number): Float32Array | undefined {
    return this.#read.get(candidate)?.drawnFrom
  }

  /** See `Expand`. */
  async expand(candidates: Candidates, nodes: readonly number[]): Promise<readonly (readonly number[])[]> {
    if (nodes[0] === 0) return [await this.#expandRoot(candidates)]
    const held = this.#read.size - 1
    const room = this.#text.capacity - this.#text.length - held
    const fitting = nodes.filter((node) => !candidates.isEnd(node)).slice(0, room)
    if (fitting.length === 0) return nodes.map(() => [])
    const parents = fitting.map((node) => this.#read.get(candidates.at(node).parent)!)
    const outputs = await this.#text.forward(
      {
        tokens: new Int32Array(fitting.map((node) => candidates.at(node).token)),
        states: concatenate(parents.map(({ state }) => state)),
        parents: new Int32Array(parents.map(({ row }) => row)),
        held,
      },
      this.#rule.wants,
    )
    this.#passes.push(fitting.length)
    for (const [row, node] of fitting.entries()) this.#follow(candidates, node, outputs, row, held + row)
    return nodes.map((node) => candidates.childrenOf(node))
  }

  /** Once the step is decided. */
  settle({ emitted, states }: Pick<Verdict, 'emitted' | 'states'>): void {
    this.#forgetGuesses()
    for (const token of emitted) this.#history.push(token)
    this.#await(emitted, states!)
  }

  dispose(): void {
    this.#text.dispose()
  }

  async #expandRoot(candidates: Candidates): Promise<readonly number[]> {
    this.#passes.push(this.waiting)
    const { outputs, row } = (await this.#readWaiting(0))!
    return this.#follow(candidates, 0, outputs, row, -1)
  }

  /** Tells what follows a node, from row `row` of a pass; `held` is where it is found by the passes to come. */
  #follow(candidates: Candidates, node: number, outputs: EagleOutputs, row: number, held: number): readonly number[] {
    const path = this.#rule.looksBack ? candidates.pathTo(node) : []
    for (const token of path) this.#history.push(token)
    const { children, drawnFrom } = this.#rule.of(outputs, row, this.#history)
    for (const _ of path) this.#history.pop()
    const { hiddenSize } = this.#model.spec
    const state = outputs.states.subarray(row * hiddenSize, (row + 1) * hiddenSize)
    this.#read.set(node, { state, row: held, ...(drawnFrom && { drawnFrom }) })
    return candidates.add(node, children, drawnFrom !== undefined)
  }

  #await(tokens: readonly number[], states: Float32Array): void {
    this.#full ||= this.#text.length + this.waiting + tokens.length > this.#text.capacity
    if (this.#full) this.#waiting = []
    else this.#waiting.push({ tokens, states })
  }

  /** Reads what waits into the cache, but its last `left` pairs; what is read last is asked for what follows it. */
  async #readWaiting(left: number): Promise<{ outputs: EagleOutputs; row: number } | undefined> {
    const tokens = this.#waiting.flatMap((part) => part.tokens)
    const states = concatenate(this.#waiting.map((part) => part.states))
    const width = states.length / tokens.length
    const end = tokens.length - left
    let last: { outputs: EagleOutputs; row: number } | undefined
    for (let start = 0; start < end; start += prefillRows) {
      const rows = new Int32Array(tokens.slice(start, Math.min(end, start + prefillRows)))
      const outputs = await this.#text.forward(
        {
          tokens: rows,
          states: await this.#text.stateOf(states.subarray(start * width, (start + rows.length) * width)),
          parents: rows.map((_, i) => i - 1),
        },
        left === 0 && start + rows.length === end ? this.#rule.wants : [],
      )
      this.#text.commit(rows.map((_, i) => i))
      last = { outputs, row: rows.length - 1 }
    }
    this.#cached.push(...tokens.slice(0, end))
    this.#waiting = left === 0 ? [] : [{ tokens: tokens.slice(end), states: states.subarray(end * width) }]
    return last
  }

  #forgetGuesses(): void {
    this.#read.clear()
    this.#passes = []
  }
}
