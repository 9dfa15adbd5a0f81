import { type ExpectedTensor, layerTensors } from '../tensors.ts'
import type { EagleHeadSpec } from './spec.ts'

/** Every tensor of a head, under its canonical name, in the order of the forward pass. */
export function expectedHeadTensors(spec: EagleHeadSpec): ExpectedTensor[] {
  const hidden = { size: spec.hiddenSize, field: 'hidden_size' }
  const pair = { size: 2 * spec.hiddenSize, field: '2 * hidden_size' }
  const norm = (name: string): ExpectedTensor => ({ name: `${name}.weight`, part: 'norm', dimensions: [hidden] })
  const layer = (prefix: string, entering?: typeof pair) =>
    layerTensors(spec, entering).map((tensor) => ({ ...tensor, name: prefix + tensor.name }))
  if (spec.kind === 'eagle')
    return [
      { name: 'fc.weight', part: 'mlp', dimensions: [hidden, pair] },
      ...(spec.fcBias ? [{ name: 'fc.bias', part: 'mlp', dimensions: [hidden] } as const] : []),
      // The first norm of an ordinary layer is not there.
      ...layer('layers.0.').filter(({ name }) => name !== 'layers.0.input_layernorm.weight'),
    ]
  const taps = { size: spec.taps.length * spec.targetHiddenSize, field: 'taps * target_hidden_size' }
  return [
    { name: 'fc.weight', part: 'mlp', dimensions: [hidden, taps] },
    norm('midlayer.hidden_norm'),
    ...layer('midlayer.', pair),
    norm('norm'),
    {
      name: 'lm_head.weight',
      part: 'head',
      dimensions: [{ size: spec.draftVocabSize, field: 'draft_vocab_size' }, hidden],
    },
  ]
}
