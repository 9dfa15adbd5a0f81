import { blockName, lmHeadName, type MedusaSpec, sharedLmHeadName } from '../../checkpoint/index.ts'
import type { GraphBuilder, Value } from '../../graph/index.ts'
import { residualBlocks } from '../../nn/index.ts'
import type { Objective } from '../objective.ts'
import { acceptance, type Guess } from './acceptance.ts'
import { sharedHead } from './eagle.ts'

export interface MedusaObjectiveOptions {
  /** What a head counts beside the one before: 0.8 as published. */
  readonly headDecay: number
  /**
   * Share of the cross entropy to the target's distribution, 0 to 1; the rest is that to the token of the text, which is
   * all as published.
   */
  readonly soft: number
}

/**
 * Heads that learn what comes further on, from features that do not change (Cai et al. 2024, section 2.2):
 * loss = sum over heads k (from 1) of headDecay^k * sum over rows of weight * ((1 - soft) * -log q_k(token k + 1
 * positions on) + soft * CE(target's distribution at that position, q_k)), distributions over the tokens that heads know.
 *
 * Inputs: `features` [rows, hidden]; and of each head, with a = i + k the row whose next token it guesses: `labels k` (the
 * heads' id of the token behind row a, any where they know none), `answers k` (that of the target's likeliest token there,
 * -1 where they know none), both [rows] i32, `weights k` [rows] f32; with `soft` also `ahead k` (row a) [rows] i32.
 *
 * Metrics: `accepted n`, the share of rows where the first n heads all say what the target would, and `tau`, 1 and the sum
 * of these: tokens per forward, were all drafts chains in greedy decoding.
 */
export function medusaObjective(spec: MedusaSpec, options: MedusaObjectiveOptions): Objective {
  const { headDecay, soft } = options
  return {
    isTrainable: ({ sources: [name] }) => name !== sharedHead,
    write(g) {
      const { features, heads } = medusaObjectiveInputs(g, spec, options)
      const matrix = [spec.draftVocabSize, spec.hiddenSize]
      const targets = soft > 0 ? g.softmax(g.linear(features, g.weight(sharedHead, matrix))) : undefined
      const weight = g.sum(heads[0].weights)
      const losses: Value[] = []
      const guesses: Guess[] = []
      for (const [head, logits] of medusaLogits(g, spec, features).entries()) {
        const { labels, answers, weights, ahead } = heads[head]
        const parts = [
          ...(labels ? [g.scale(g.crossEntropy(logits, labels), 1 - soft)] : []),
          ...(targets && ahead ? [g.scale(g.softCrossEntropy(logits, g.embedding(targets, ahead)), soft)] : []),
        ]
        const loss = parts.reduce((a, b) => g.add(a, b))
        losses.push(g.scale(g.sum(g.mul(loss, weights)), headDecay ** (head + 1)))
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

/** Of each head its logits [rows, draftVocab]. */
export function medusaLogits(g: GraphBuilder, spec: MedusaSpec, features: Value): Value[] {
  const { headCount, layerCount, bias, lmHead, draftVocabSize, hiddenSize } = spec
  return Array.from({ length: headCount }, (_, head) => {
    const names = Array.from({ length: layerCount }, (_, layer) => blockName(head, layer))
    const state = residualBlocks({ g, precision: 'f32' }, features, names, bias)
    const name = { own: lmHeadName(head), shared: sharedLmHeadName, target: sharedHead }[lmHead]
    return g.linear(state, g.weight(name, [draftVocabSize, hiddenSize]))
  })
}

export function medusaObjectiveInputs(
  g: GraphBuilder,
  { headCount, hiddenSize }: MedusaSpec,
  { soft }: Pick<MedusaObjectiveOptions, 'soft'>,
) {
  return {
    features: g.input('features', 'f32', ['rows', hiddenSize]),
    heads: Array.from({ length: headCount }, (_, i) => {
      const ids = (name: string) => g.input(`${name} ${i + 1}`, 'i32', ['rows'])
      return {
        ...(soft < 1 && { labels: ids('labels') }),
        answers: ids('answers'),
        weights: g.input(`weights ${i + 1}`, 'f32', ['rows']),
        ...(soft > 0 && { ahead: ids('ahead') }),
      }
    }),
  }
}
