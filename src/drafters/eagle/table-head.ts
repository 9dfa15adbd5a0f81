import { toFloat } from '../../decoding/exactness/fraction.ts'
import type { ToyModel } from '../../decoding/exactness/toy-models.ts'
import type { EagleHeadModel, EagleOutputs, EagleRows } from '../../model/index.ts'

/** A head that is a table: what follows a text. For proofs; states say nothing, texts begin behind two tokens. */
export function tableHead(q: ToyModel, vocabSize: number): EagleHeadModel {
  const spec = { kind: 'eagle', vocabSize, hiddenSize: 1, taps: [] }
  const createText = () => {
    const cached: number[] = []
    let rows: { readonly token: number; readonly parent: number }[] = []
    const pathTo = (row: number): number[] => (row < 0 ? [] : [...pathTo(rows[row].parent), rows[row].token])
    return {
      capacity: 100,
      spec,
      get length() {
        return cached.length
      },
      stateOf: async (states: Float32Array) => states,
      async forward({ tokens, parents, held = 0 }: EagleRows): Promise<EagleOutputs> {
        rows = [...rows.slice(0, held), ...Array.from(tokens, (token, i) => ({ token, parent: parents[i] }))]
        const texts = Array.from(tokens, (_, i) => [...cached, ...pathTo(held + i)].slice(1))
        const answers = texts.map((text) => q(text).map(toFloat))
        const order = answers.map((p) => [...p.keys()].sort((a, b) => p[b] - p[a] || a - b))
        const logits = Float32Array.from(answers.flat(), Math.log)
        return {
          states: new Float32Array(tokens.length),
          logits,
          top: {
            tokens: Int32Array.from(order.flat()),
            logProbabilities: Float32Array.from(
              order.flatMap((ids, row) => ids.map((id) => Math.log(answers[row][id]))),
            ),
          },
        }
      },
      commit(path: ArrayLike<number>) {
        for (const row of Array.from(path)) cached.push(rows[row].token)
        rows = []
      },
      truncate(length: number) {
        cached.length = length
        rows = []
      },
      dispose() {},
    }
  }
  // A drafter asks no more than this of a head.
  return { spec, top: vocabSize, createText } as unknown as EagleHeadModel
}
