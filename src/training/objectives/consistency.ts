import { PacelineError } from '../../errors.ts'
import type { GraphBuilder, Value } from '../../graph/index.ts'
import type { Objective } from '../objective.ts'
import { teacherPrefix } from './distillation.ts'
import { decoderFeatures, type LanguageModelSpec, lmHead } from './language-model.ts'

export interface ConsistencyOptions {
  /** Tokens of a block. */
  readonly block: number
  /** What the loss of the text counts beside that of iterates. */
  readonly arWeight: number
  /** Response tokens per byte: what makes bits per byte of nats per token. */
  readonly tokensPerByte: number
  /** A model that stays as it is, of which the text is learned; the model itself unless given. */
  readonly teacher?: LanguageModelSpec
}

/**
 * A model that says of a block what it says of the right one, wherever its iterate is wrong (consistency training, Kou et
 * al. 2024; the global loss, where the fixed point teaches every iterate):
 * loss = sum over rows of iterates of weight * KL(p || q) + arWeight * sum over text of weight * -log q(target), with q what
 * the model says behind the iterate and p what it, or the teacher, says at that position of the text. No gradient goes
 * through p: it is as the model is now, and not moved towards what it says of iterates.
 *
 * Rows are text and, behind it, iterates as branches. Inputs: `tokens` and `positions` [rows] i32; of text `text` (its
 * rows), `targets` and `weights`, all [text]; of iterates `students` (their rows), `teachers` (the rows of text that p is
 * of), `labels` (the right next token), `before` (the student before, itself where it is the first of its branch),
 * `student weights`, `branch weights`, all [students]. Ids are i32, weights f32.
 *
 * Metrics: `kl`, `ar` (nats per token of the text), `bits per byte` (of the same), and `tau`, 1 and how many tokens the
 * next iterate has right behind the first wrong one of this: what a pass decides, were iterates as those learned from.
 * Throws code `argument` for a teacher of another vocabulary.
 */
export function consistencyObjective(
  spec: LanguageModelSpec,
  { block, arWeight, tokensPerByte, teacher }: ConsistencyOptions,
): Objective {
  if (teacher !== undefined && teacher.vocabSize !== spec.vocabSize)
    throw new PacelineError(
      'argument',
      `the teacher has ${teacher.vocabSize} tokens, the model ${spec.vocabSize}: it has to have the same vocabulary.`,
    )
  return {
    isTrainable: ({ sources }) => !sources[0].startsWith(teacherPrefix),
    write(g) {
      const rows = (name: string) => g.input(name, 'i32', ['rows'])
      const [tokens, positions] = [rows('tokens'), rows('positions')]
      const [text, targets] = ['text', 'targets'].map((name) => g.input(name, 'i32', ['text']))
      const weights = g.input('weights', 'f32', ['text'])
      const [students, teachers, labels, before] = ['students', 'teachers', 'labels', 'before'].map((name) =>
        g.input(name, 'i32', ['students']),
      )
      const [studentWeights, branchWeights] = ['student weights', 'branch weights'].map((name) =>
        g.input(name, 'f32', ['students']),
      )
      /** Features of all rows, and logits of some of them. */
      const run = (spec: LanguageModelSpec, prefix: string) => {
        const table = g.weight(`${prefix}model.embed_tokens.weight`, [spec.vocabSize, spec.hiddenSize])
        const features = decoderFeatures(g, spec, { embedded: g.embedding(table, tokens), positions }, prefix)
        return (of: Value) => g.linear(g.embedding(features, of), lmHead(g, spec, prefix))
      }
      const model = run(spec, '')
      const logits = model(students) // [students, vocabulary]
      const taught = g.stopGradient(teacher ? run(teacher, teacherPrefix)(teachers) : model(teachers))
      const p = g.softmax(taught)
      const entropy = g.softCrossEntropy(taught, p) // [students]
      const divergence = g.add(g.softCrossEntropy(logits, p), g.scale(entropy, -1))
      const kl = g.sum(g.mul(divergence, studentWeights))
      const ar = g.sum(g.mul(g.crossEntropy(model(text), targets), weights))
      const weight = g.sum(weights)
      const chained = allRight(g, g.equal(g.argmax(logits), labels), before, block - 2)
      return {
        loss: g.add(kl, g.scale(ar, arWeight)),
        weight,
        metrics: {
          kl,
          ar,
          'bits per byte': g.scale(ar, tokensPerByte / Math.LN2),
          tau: g.add(weight, g.sum(g.mul(chained, branchWeights))),
        },
      }
    },
  }
}

/**
 * 1 where a student and all before it on its branch are right, else 0. [students] A first one stands before itself, which
 * changes no product of zeros and ones.
 */
function allRight(g: GraphBuilder, right: Value, before: Value, most: number): Value {
  const column = g.reshape(right, ['students', 1])
  let all = column
  for (let i = 0; i < most; i++) all = g.mul(column, g.embedding(all, before))
  return g.reshape(all, ['students'])
}
