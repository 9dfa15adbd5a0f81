import { type BitaSpec, type ModelSpec, maskTokensName, prefixName } from '../../checkpoint/index.ts'
import type { GraphBuilder, Value } from '../../graph/index.ts'
import type { GraphKeysAndValues } from '../../nn/index.ts'
import type { Objective } from '../objective.ts'
import { acceptance, type Guess } from './acceptance.ts'
import { decoderFeatures, lmHead } from './language-model.ts'

/** What the names of the model's own tensors begin with, which does not change. */
export const frozenPrefix = 'target '

/**
 * Mask tokens and a prefix that learn what a model will write, which stays as it is (Lin et al. 2024, section 3.2):
 * loss = sum over masks of weight * -log p(label), where mask m (from 0) behind row i is about the token behind row i + m + 1.
 *
 * Rows are text and, behind it, groups of masks: riders. Inputs: `embedded` [rows, hidden], zeros for masks; `masks` [rows]
 * i32, any for text; `shown` [rows, hidden], 1 for masks and 0 for text; `positions` [rows] i32; and for each m, over
 * groups, `rows m` (the mask's row), `labels m`, `answers m` (the target's likeliest token there), all [groups] i32, and
 * `weights m` [groups] f32.
 *
 * Metrics: `accepted n`, the share of groups whose first n masks all say what the target would, and `tau`, 1 and the sum of
 * these: tokens per forward, were all drafts chains in greedy decoding.
 */
export function bitaObjective(target: ModelSpec, spec: BitaSpec): Objective {
  return {
    isTrainable: ({ sources: [name] }) => name === maskTokensName || name === prefixName,
    write(g) {
      const { embedded, masks, shown, positions, offsets } = bitaObjectiveInputs(g, spec)
      const vectors = g.weight(maskTokensName, [spec.maskCount, spec.hiddenSize])
      const x = g.add(embedded, g.mul(g.embedding(vectors, masks), shown)) // [rows, hidden]
      const features = decoderFeatures(g, target, { embedded: x, positions }, frozenPrefix, prefixOf(g, spec))
      const head = lmHead(g, target, frozenPrefix)
      const weight = g.sum(offsets[0].weights)
      const losses: Value[] = []
      const guesses: Guess[] = []
      for (const { rows, labels, answers, weights } of offsets) {
        const logits = g.linear(g.embedding(features, rows), head) // [groups, vocab]
        losses.push(g.sum(g.mul(g.crossEntropy(logits, labels), weights)))
        guesses.push({ logits, answers, weights })
      }
      return {
        loss: losses.reduce((a, b) => g.add(a, b)),
        weight,
        metrics: acceptance(g, weight, guesses),
      }
    },
  }
}

/** One matrix as keys and values of every layer. */
function prefixOf(g: GraphBuilder, { prefixLength, layerCount, kvHeadCount, headDim }: BitaSpec) {
  const width = kvHeadCount * headDim
  const sizes = new Array<number>(2 * layerCount).fill(width)
  const parts = g
    .split(g.weight(prefixName, [prefixLength, 2 * layerCount * width]), sizes)
    .map((part) => g.reshape(part, [prefixLength, kvHeadCount, headDim]))
  return (attention: string): GraphKeysAndValues => {
    const layer = Number(/layers\.(\d+)\./.exec(attention)![1])
    return { keys: parts[2 * layer], values: parts[2 * layer + 1] }
  }
}

export function bitaObjectiveInputs(g: GraphBuilder, { maskCount, hiddenSize }: BitaSpec) {
  return {
    embedded: g.input('embedded', 'f32', ['rows', hiddenSize]),
    masks: g.input('masks', 'i32', ['rows']),
    shown: g.input('shown', 'f32', ['rows', hiddenSize]),
    positions: g.input('positions', 'i32', ['rows']),
    offsets: Array.from({ length: maskCount }, (_, m) => {
      const ids = (name: string) => g.input(`${name} ${m}`, 'i32', ['groups'])
      return {
        rows: ids('rows'),
        labels: ids('labels'),
        answers: ids('answers'),
        weights: g.input(`weights ${m}`, 'f32', ['groups']),
      }
    }),
  }
}
