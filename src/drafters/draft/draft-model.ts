import {
  chain,
  type Draft,
  type Drafter,
  type Prefilled,
  type Sampler,
  TokenHistory,
  type Verdict,
} from '../../decoding/index.ts'
import type { HeadOutput, RowOutputs, Target, TargetModel } from '../../model/index.ts'
import { ChainDrafting, type Confidence, type Guess, type Policy } from '../policies/index.ts'

export interface DraftModelOptions {
  /** Guesses per step at most, whatever the policy says. */
  readonly maxGuesses?: number
  /** Tokens of the target: the draft model's unless given. Models of one vocabulary may be padded to other sizes. */
  readonly vocabSize?: number
}

/** How many of the likeliest tokens a draft model is loaded with: what policies look at. */
export const draftTop = 8

/** Prompts enter the draft model's cache in passes of this many rows. */
const prefillRows = 256

/**
 * Speculative sampling with a draft model (Leviathan et al. 2023; Chen et al. 2023): a smaller model of the same vocabulary
 * writes on, `policy` says how far. `model` must have been loaded with `draftTop` likeliest tokens; it stays the caller's.
 */
export function draftModel(
  model: TargetModel,
  policy: Policy,
  { maxGuesses = 16, vocabSize = model.spec.vocabSize }: DraftModelOptions = {},
): Drafter {
  const drafting = new ChainDrafting(policy)
  let text: DraftText | undefined
  return {
    name: `draft:${policy.name}`,

    async start(prefilled) {
      drafting.begin(prefilled.ends, prefilled.rule === 'rejection')
      text ??= new DraftText(model.createTarget(), vocabSize)
      await text.begin(prefilled)
    },

    async propose(root, { rows }): Promise<Draft> {
      const proposal: Float32Array[] = []
      let forwards = 0
      const drafted = await drafting.draft(Math.min(maxGuesses, rows - 1, text!.room), async () => {
        const { guess, distribution } = await text!.next()
        forwards++
        if (distribution) proposal.push(distribution)
        return guess
      })
      const tree = chain(
        root,
        drafted.map(({ token }) => token),
      )
      return { tree, forwards, ...(proposal.length > 0 && { proposal }) }
    },

    observe(verdict) {
      text!.settle(verdict)
      drafting.settle(verdict)
    },

    dispose() {
      text?.dispose()
      text = undefined
    },
  }
}

/** The text as the draft model sees it: what is decided, and behind it the guesses of the step. */
class DraftText {
  readonly #model: Target
  readonly #vocabSize: number
  #sampler!: Sampler
  #history!: TokenHistory
  #proposes = false
  /** Tokens whose keys and values are in the cache. */
  #cached: number[] = []
  /** The text's last tokens, which are not: the next pass begins with them. */
  #waiting: number[] = []
  /** Guesses of the step. */
  #guessed = 0
  /** Guesses of the text so far. */
  #draws = 0

  constructor(model: Target, vocabSize: number) {
    this.#model = model
    this.#vocabSize = vocabSize
  }

  /** Reads the prompt but its last token; what it shares with the text before is there already. */
  async begin({ tokens, sampler, rule }: Prefilled): Promise<void> {
    this.#sampler = sampler
    this.#proposes = rule === 'rejection'
    this.#history = new TokenHistory(tokens)
    this.#guessed = 0
    this.#draws = 0
    const before = tokens.slice(0, Math.min(tokens.length - 1, this.#model.capacity))
    let shared = 0
    while (shared < before.length && before[shared] === this.#cached[shared]) shared++
    this.#forgetFrom(shared)
    for (let start = shared; start < before.length; start += prefillRows)
      await this.#read(before.slice(start, start + prefillRows))
    this.#waiting = tokens.slice(before.length)
  }

  /** Guesses that the context of the draft model has room for. */
  get room(): number {
    return Math.max(0, this.#model.capacity - this.#cached.length - this.#waiting.length + 1)
  }

  /** The next guess, and with `rejection` what it was drawn from. */
  async next(): Promise<{ guess: Guess; distribution?: Float32Array }> {
    const sampler = this.#sampler
    const outputs = await this.#read(this.#waiting, sampler.greedy ? ['top'] : ['top', 'logits'])
    const logits = outputs.logits && resized(outputs.logits, this.#vocabSize)
    // Under rejection noise is used once, not once more where a guess was rejected: a policy that remembers what it gave
    // would know the next guess before it is drawn, and stop for it.
    const position = this.#proposes ? this.#draws++ : this.#history.length
    const token = logits ? sampler.draw(logits, position, this.#history) : this.#likeliest(outputs)
    const distribution = logits && this.#proposes ? sampler.distribution(logits, this.#history) : undefined
    this.#history.push(token)
    this.#guessed++
    this.#waiting = [token]
    return { guess: { token, confidence: confidenceOf(token, outputs) }, ...(distribution && { distribution }) }
  }

  /** Of the target's tokens: ids behind them are padding, which has weights but stands for nothing. */
  #likeliest({ top }: RowOutputs): number {
    return top!.tokens.find((token) => token < this.#vocabSize) ?? 0
  }

  /** Takes back the guesses that were not accepted. */
  settle({ path, emitted }: Verdict): void {
    // The last guess was never read.
    const unread = this.#guessed > 0 ? this.#guessed - 1 : 0
    const decided = this.#cached.length - unread
    const kept = Math.min(path.length - 1, unread)
    this.#forgetFrom(decided + kept)
    if (this.#guessed > 0) this.#waiting = emitted.slice(kept)
    else this.#waiting.push(...emitted)
    for (; this.#guessed > 0; this.#guessed--) this.#history.pop()
    for (const token of emitted) this.#history.push(token)
  }

  dispose(): void {
    this.#model.dispose()
  }

  async #read(tokens: readonly number[], head?: readonly HeadOutput[]): Promise<RowOutputs> {
    // Padding that only the target has cannot be read: any token will do for a guess at what follows it.
    const own = this.#model.spec.vocabSize
    const rows = new Int32Array(tokens).map((token) => (token < own ? token : 0))
    const pass = { tokens: rows, parents: rows.map((_, i) => i - 1) }
    const outputs = await this.#model.forward(pass, head ? { head, headRows: [rows.length - 1] } : {})
    this.#model.commit(rows.map((_, i) => i))
    this.#cached.push(...tokens)
    return outputs
  }

  #forgetFrom(length: number): void {
    this.#model.truncate(length)
    this.#cached.length = length
  }
}

/** Logits of exactly `size` tokens: padding is cut off, and what is missing cannot be. */
function resized(logits: Float32Array, size: number): Float32Array {
  if (logits.length === size) return logits
  if (logits.length > size) return logits.subarray(0, size)
  const padded = new Float32Array(size).fill(Number.NEGATIVE_INFINITY)
  padded.set(logits)
  return padded
}

function confidenceOf(token: number, { top, logits }: RowOutputs): Confidence {
  const { tokens, logProbabilities } = top!
  const probabilities = Array.from(logProbabilities, Math.exp)
  const likeliest = tokens[0]
  const probability =
    token === likeliest || !logits ? probabilities[0] : probabilities[0] * Math.exp(logits[token] - logits[likeliest])
  const rest = Math.max(0, 1 - probabilities.reduce((a, b) => a + b))
  const entropy = [...probabilities, rest].reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0)
  return { probability, top: probabilities, entropy }
}
