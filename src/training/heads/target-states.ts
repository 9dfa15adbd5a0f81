import { PacelineError } from '../../errors.ts'
import type { Target, TargetModel } from '../../model/index.ts'
import type { TokenBatch } from '../data/index.ts'

/** What a target makes of the rows of a batch. */
export interface TargetStates {
  readonly features: Float32Array // [rows, hidden]
  /** Taps beside one another, where there are any. */
  readonly taps: Float32Array // [rows, taps * hidden]
  /** Its likeliest next token after each row. */
  readonly answers: Int32Array // [rows]
}

/** Reads batches with a target: a forward pass per sequence, whose documents do not see one another. */
export class StateReader {
  readonly #target: Target
  readonly #taps: readonly number[]

  /** Throws code `argument` where sequences are longer than the target's context. */
  constructor(model: TargetModel, taps: readonly number[], length: number) {
    const { contextLength } = model.spec
    if (length > contextLength)
      throw new PacelineError(
        'argument',
        `sequences are ${length} tokens long, the target's context is ${contextLength}: shorten them.`,
      )
    this.#target = model.createTarget(length)
    this.#taps = taps
  }

  async read({ sequences, length, tokens, parents }: TokenBatch): Promise<TargetStates> {
    const hidden = this.#target.spec.hiddenSize
    const count = this.#taps.length
    const rows = sequences * length
    const features = new Float32Array(rows * hidden)
    const taps = new Float32Array(rows * count * hidden)
    const answers = new Int32Array(rows)
    for (let from = 0; from < rows; from += length) {
      const pass = {
        tokens: tokens.slice(from, from + length),
        parents: parents.slice(from, from + length).map((parent) => (parent < 0 ? -1 : parent - from)),
      }
      // Of several taps each is asked for once, however often it is fused.
      const asked = [...new Set(this.#taps)]
      const outputs = await this.#target.forward(pass, { head: 'argmax', features: true, taps: asked })
      features.set(outputs.features!, from * hidden)
      answers.set(outputs.argmax!, from)
      for (const [i, layer] of this.#taps.entries()) {
        const tap = outputs.taps![asked.indexOf(layer)]
        for (let row = 0; row < length; row++)
          taps.set(tap.subarray(row * hidden, (row + 1) * hidden), ((from + row) * count + i) * hidden)
      }
    }
    return { features, taps, answers }
  }

  dispose(): void {
    this.#target.dispose()
  }
}
