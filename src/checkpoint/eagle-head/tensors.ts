import { type Dimension, type ExpectedTensor, layerTensors } from '../tensors.ts'
import type { EagleHeadSpec, EagleKind } from './spec.ts'

/** A head may bring an embedding table; without one it uses the target's. */
export const embeddingName = 'embed_tokens.weight'

/** The layer's tensors begin with this. */
export const layerPrefix: Readonly<Record<EagleKind, string>> = { eagle: 'layers.0.', eagle3: 'midlayer.' }

/** Tensors of a head that are no weights: which tokens of the target it knows. */
export const vocabularyNames: readonly string[] = ['d2t', 't2d']

/** Every weight that a head of this specification must have, in the order of the forward pass, under published names. */
export function eagleHeadTensors(spec: EagleHeadSpec): ExpectedTensor[] {
  const hidden = { size: spec.hiddenSize, field: 'hidden_size' }
  const twice = { size: 2 * spec.hiddenSize, field: '2 * hidden_size' }
  const norm = (name: string): ExpectedTensor => ({ name: `${name}.weight`, part: 'norm', dimensions: [hidden] })
  const fc = (inputs: Dimension): ExpectedTensor => ({ name: 'fc.weight', part: 'mlp', dimensions: [hidden, inputs] })
  const inLayer = (tensor: ExpectedTensor) => ({ ...tensor, name: layerPrefix[spec.kind] + tensor.name })

  if (spec.kind === 'eagle')
    return [
      fc(twice),
      ...(spec.fcBias ? [{ name: 'fc.bias', part: 'mlp', dimensions: [hidden] } as const] : []),
      // The projection stands where the layer's first norm would be.
      ...layerTensors(spec)
        .filter(({ name }) => name !== 'input_layernorm.weight')
        .map(inLayer),
    ]
  return [
    fc({ size: spec.taps.length * spec.targetHiddenSize, field: `${spec.taps.length} layers * target_hidden_size` }),
    ...[norm('hidden_norm'), ...layerTensors(spec, twice)].map(inLayer),
    norm('norm'),
    {
      name: 'lm_head.weight',
      part: 'head',
      dimensions: [{ size: spec.draftVocabSize, field: 'draft_vocab_size' }, hidden],
    },
  ]
}

/** The embedding table of a head that has its own. */
export function embeddingTensor(spec: EagleHeadSpec): ExpectedTensor {
  const vocab = { size: spec.vocabSize, field: 'vocab_size' }
  return {
    name: embeddingName,
    part: 'embedding',
    dimensions: [vocab, { size: spec.hiddenSize, field: 'hidden_size' }],
  }
}
