import type { EagleHeadSpec, EagleKind, ModelSpec } from '../../checkpoint/index.ts'
import { noise } from '../../graph/noise.ts'
import { tinyModel } from '../../model/tiny.ts'
import type { Tensor } from '../../tensor/index.ts'
import type { TokenBatch } from '../data/index.ts'
import { sharedEmbedding, sharedHead } from '../objectives/eagle.ts'
import { tinyBatch } from '../tiny.ts'
import { freshHead } from './fresh-head.ts'
import { newHeadSpec } from './head-spec.ts'
import { eagleInputs } from './step-inputs.ts'

/** A head for a tiny target. */
export const tinyHeadSpec = (kind: EagleKind, target: ModelSpec, draftVocab = target.vocabSize): EagleHeadSpec =>
  newHeadSpec(target, { kind, ...(kind === 'eagle3' && { taps: [0, 0, 1] }) }, draftVocab)

/** A batch of `tinyBatch` as a dataset gives it. */
export function tinyTokens(vocabSize: number, sequences: number, length: number): TokenBatch {
  const { inputs, layout } = tinyBatch(vocabSize, sequences, length)
  const ids = (name: string) => inputs[name].data as Int32Array
  return {
    ...{ sequences, length, parents: layout.parents },
    ...{ tokens: ids('tokens'), targets: ids('targets'), positions: ids('positions') },
    weights: Float32Array.from(layout.parents, (_, row) => (layout.parents[row + 1] === row ? 1 : 0)),
    places: Int32Array.from(layout.parents.keys()),
  }
}

/** A fresh head, a batch, and states in it that are noise, with answers that follow from them. */
export function tinyHeadStates(kind: EagleKind, steps: number) {
  const { spec: target, tensors: own } = tinyModel()
  const spec = tinyHeadSpec(kind, target)
  const batch = tinyTokens(target.vocabSize, 2, 8)
  const rows = batch.tokens.length
  const states = (width: number, seed: number) => noise(rows * width, seed).map((x) => 2 * x)
  const features = states(target.hiddenSize, 1)
  const head = own['lm_head.weight']
  const answers = Int32Array.from({ length: rows }, (_, row) => likeliest(features, row, head))
  const shared = { [sharedEmbedding]: own['model.embed_tokens.weight'], [sharedHead]: head }
  const tensors: Record<string, Tensor> = { ...freshHead(spec, head, 1), ...shared }
  const draftIds = Int32Array.from({ length: target.vocabSize }, (_, id) => id)
  const given = { features, taps: states(3 * target.hiddenSize, 2), answers }
  return { spec, tensors, batch, ...eagleInputs(batch, given, { spec, steps, draftIds }) }
}

function likeliest(features: Float32Array, row: number, { shape: [vocab, width], data }: Tensor<'f32'>): number {
  const scores = Array.from({ length: vocab }, (_, id) => {
    let dot = 0
    for (let i = 0; i < width; i++) dot += features[row * width + i] * data[id * width + i]
    return dot
  })
  return scores.indexOf(Math.max(...scores))
}
