import { PacelineError } from '../../errors.ts'
import type { Objective } from '../objective.ts'
import { type LanguageModelSpec, languageModelInputs, languageModelLogits } from './language-model.ts'

/** What the names of the teacher's tensors begin with, in the graph and in the source of its weights. */
export const teacherPrefix = 'teacher.'

export interface DistillationOptions {
  readonly teacher: LanguageModelSpec
  /** Share of the divergence from the teacher in the loss, 0 to 1; the rest is cross entropy. */
  readonly share: number
}

/**
 * Next-token prediction that also learns what else the teacher would have said:
 * loss = sum over rows of weight * ((1 - share) * -log q(target) + share * KL(p || q)), p the teacher's distribution and
 * q the student's, both at temperature 1. Hinton, Vinyals, Dean 2015, section 2; at temperature 1 because a draft model is
 * judged by the overlap of p and q as they are. The teacher runs in the same graph, and its weights do not change.
 * Inputs as those of `languageModelObjective`, and `ones` [1, vocabulary] f32.
 * Throws code `argument` for vocabularies that differ, or a share out of range.
 */
export function distillationObjective(spec: LanguageModelSpec, { teacher, share }: DistillationOptions): Objective {
  if (teacher.vocabSize !== spec.vocabSize)
    throw new PacelineError(
      'argument',
      `the teacher has ${teacher.vocabSize} tokens, the student ${spec.vocabSize}: distillation needs the same vocabulary.`,
    )
  if (!(share >= 0 && share <= 1))
    throw new PacelineError('argument', `the share of the teacher is ${share}, expected a number from 0 to 1.`)
  return {
    isTrainable: ({ sources }) => !sources[0].startsWith(teacherPrefix),
    write(g) {
      const inputs = languageModelInputs(g)
      const ones = g.input('ones', 'f32', [1, spec.vocabSize])
      const logits = languageModelLogits(g, spec, inputs) // [rows, vocabulary]
      const teacherLogits = languageModelLogits(g, teacher, inputs, teacherPrefix)
      const difference = g.add(g.logSoftmax(teacherLogits), g.scale(g.logSoftmax(logits), -1)) // log p - log q
      // The sum of a row, as a product: [rows, vocabulary] x [1, vocabulary] -> [rows, 1].
      const divergences = g.reshape(g.linear(g.mul(g.softmax(teacherLogits), difference), ones), ['rows'])
      const divergence = g.sum(g.mul(divergences, inputs.weights))
      const crossEntropy = g.sum(g.mul(g.crossEntropy(logits, inputs.targets), inputs.weights))
      return {
        loss: g.add(g.scale(crossEntropy, 1 - share), g.scale(divergence, share)),
        weight: g.sum(inputs.weights),
        metrics: { crossEntropy, divergence },
      }
    },
  }
}
