import type { EagleHeadSpec } from '../../checkpoint/index.ts'
import type { GraphBuilder, Value } from '../../graph/index.ts'
import {
  eagle3Layer,
  eagleLayer,
  fuseTaps,
  type GraphKeysAndValues,
  type LayerContext,
  norm,
  rotationOf,
} from '../../nn/index.ts'
import type { Objective } from '../objective.ts'
import { acceptance, type Guess } from './acceptance.ts'

/** Names of what a head shares with its target and does not change: its embedding, and the rows of its LM head. */
export const sharedEmbedding = 'target embedding'
export const sharedHead = 'target head'

export interface EagleObjectiveOptions {
  /**
   * How often the head is run over the same rows, each time on what it made the time before: what it meets when it
   * drafts. 1 is EAGLE-1 as published; EAGLE-3 takes 7 (training-time test, Li et al. 2025, section 3.2).
   */
  readonly steps: number
  /** What a step counts beside the one before: 0.8 in EAGLE-3. */
  readonly decay: number
  /** `eagle`: weight of the distance to the target's feature, 1 as published; an `eagle3` has none. */
  readonly featureWeight: number
  /** Weight of the cross entropy to the target's distribution: 0.1 in EAGLE-1 beside the distance, 1 in EAGLE-3. */
  readonly tokenWeight: number
}

/**
 * Learns to be what the target will be one position on (Li et al. 2024, section 4.2; Li et al. 2025, section 3.2):
 * loss = sum over steps s of decay^s * sum over rows of weight * (featureWeight * smoothL1(state, feature) +
 * tokenWeight * CE(target's distribution, head's)), the target's distribution over the tokens that the head knows.
 *
 * Inputs, for row i the pair of position i, with a = i + 1 + s the position that step s guesses at: `states` [rows, width]
 * (features with noise, or taps), `truth` [rows, hidden] the features of row i itself, `ones` [1, hidden]; and of each step
 * `tokens s` (of a), `ahead s` (row a), `answers s` (the head's id of the target's likeliest token behind a, -1 where it
 * knows none), `positions s`, all [rows] i32, and `weights s` [rows] f32.
 *
 * Metrics: `accepted n`, the share of rows where the first n guesses of a chain are the target's, and `tau`, 1 and the sum
 * of these: tokens per forward, were all drafts chains of `steps` guesses in greedy decoding.
 */
export function eagleObjective(spec: EagleHeadSpec, options: EagleObjectiveOptions): Objective {
  const { decay, featureWeight, tokenWeight } = options
  const isEagle = spec.kind === 'eagle'
  return {
    isTrainable: ({ sources: [name] }) => name !== sharedEmbedding && name !== sharedHead,
    write(g) {
      const inputs = eagleObjectiveInputs(g, spec, options.steps)
      const { truth, ones, steps } = inputs
      const head = g.weight(sharedHead, [spec.draftVocabSize, spec.targetHiddenSize])
      const targets = g.softmax(g.linear(truth, head)) // [rows, draftVocab]
      const weight = g.sum(steps[0].weights)
      const parts: Record<'token' | 'feature', Value[]> = { token: [], feature: [] }
      const guesses: Guess[] = []
      for (const [step, { state, logits }] of unroll(g, spec, inputs).entries()) {
        const { ahead, answers, weights } = steps[step]
        const total = (losses: Value) => g.scale(g.sum(g.mul(losses, weights)), decay ** step)
        parts.token.push(total(g.softCrossEntropy(logits, g.embedding(targets, ahead))))
        if (isEagle) {
          const distances = g.smoothL1(state, g.embedding(truth, ahead)) // [rows, hidden]
          parts.feature.push(total(g.scale(g.reshape(g.linear(distances, ones), ['rows']), 1 / spec.hiddenSize)))
        }
        guesses.push({ logits, answers, weights })
      }
      const sum = (values: readonly Value[]) => values.reduce((a, b) => g.add(a, b))
      const token = sum(parts.token)
      const feature = isEagle ? sum(parts.feature) : undefined
      const learned = g.scale(token, tokenWeight)
      return {
        loss: feature ? g.add(learned, g.scale(feature, featureWeight)) : learned,
        weight,
        metrics: {
          token,
          ...(feature && { feature }),
          ...acceptance(g, weight, guesses),
        },
      }
    },
  }
}

/** The head on its own outputs, step after step: of each the next state [rows, hidden] and its logits [rows, draftVocab]. */
export function unroll(
  g: GraphBuilder,
  spec: EagleHeadSpec,
  { states, steps }: ReturnType<typeof eagleObjectiveInputs>,
): { state: Value; logits: Value }[] {
  const context = { g, spec, precision: 'f32', rotation: rotationOf(spec.rope, spec.headDim), cached: false } as const
  const embedding = g.weight(sharedEmbedding, [spec.vocabSize, spec.hiddenSize])
  const head = g.weight(spec.kind === 'eagle' ? sharedHead : 'lm_head.weight', [spec.draftVocabSize, spec.hiddenSize])
  const unrolled: GraphKeysAndValues[] = []
  let state = spec.kind === 'eagle' ? states : fuseTaps(context, [states])
  return steps.map(({ tokens, positions }) => {
    const layer: LayerContext = { ...context, positions, unrolled }
    const embedded = g.embedding(embedding, tokens)
    state =
      spec.kind === 'eagle'
        ? eagleLayer(layer, { embedded, state }, spec.fcBias)
        : eagle3Layer(layer, { embedded, state }, spec.normBeforeResidual)
    return { state, logits: g.linear(spec.kind === 'eagle' ? state : norm(layer, state, 'norm'), head) }
  })
}

export function eagleObjectiveInputs(g: GraphBuilder, spec: EagleHeadSpec, steps: number) {
  const { kind, hiddenSize, targetHiddenSize, taps } = spec
  const width = kind === 'eagle' ? hiddenSize : taps.length * targetHiddenSize
  return {
    states: g.input('states', 'f32', ['rows', width]),
    truth: g.input('truth', 'f32', ['rows', targetHiddenSize]),
    ones: g.input('ones', 'f32', [1, hiddenSize]),
    steps: Array.from({ length: steps }, (_, step) => {
      const ids = (name: string) => g.input(`${name} ${step}`, 'i32', ['rows'])
      return {
        tokens: ids('tokens'),
        ahead: ids('ahead'),
        answers: ids('answers'),
        positions: ids('positions'),
        weights: g.input(`weights ${step}`, 'f32', ['rows']),
      }
    }),
  }
}
