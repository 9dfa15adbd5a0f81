import type { DecoderSpec } from '../nn/index.ts'
import type { ModelSpec } from './spec.ts'

/** One dimension of an expected tensor, and the configuration fields it follows from, for messages. */
export interface Dimension {
  readonly size: number
  readonly field: string
}

/** What a tensor is for. */
export type Part = 'embedding' | 'attention' | 'mlp' | 'norm' | 'head'

export interface ExpectedTensor {
  /** As Hugging Face names it: "model.layers.3.mlp.up_proj.weight". */
  readonly name: string
  readonly part: Part
  /** Linear weights are [outputs, inputs]. */
  readonly dimensions: readonly Dimension[]
}

/** Every tensor that a model of this specification is made of, in the order of the forward pass. */
export function expectedTensors(spec: ModelSpec): ExpectedTensor[] {
  const hidden = { size: spec.hiddenSize, field: 'hidden_size' }
  const vocab = { size: spec.vocabSize, field: 'vocab_size' }
  const tensors: ExpectedTensor[] = [
    { name: 'model.embed_tokens.weight', part: 'embedding', dimensions: [vocab, hidden] },
  ]
  for (let layer = 0; layer < spec.layerCount; layer++) {
    const prefix = `model.layers.${layer}.`
    for (const tensor of layerTensors(spec)) tensors.push({ ...tensor, name: prefix + tensor.name })
  }
  tensors.push({ name: 'model.norm.weight', part: 'norm', dimensions: [hidden] })
  if (!spec.tiedEmbeddings) tensors.push({ name: 'lm_head.weight', part: 'head', dimensions: [vocab, hidden] })
  return tensors
}

/**
 * The tensors of one decoder layer; names are relative to it. `attended` is what its q, k and v project: the hidden state
 * unless given.
 */
export function layerTensors(
  spec: DecoderSpec,
  attended: Dimension = { size: spec.hiddenSize, field: 'hidden_size' },
): ExpectedTensor[] {
  const hidden = { size: spec.hiddenSize, field: 'hidden_size' }
  const inner = { size: spec.intermediateSize, field: 'intermediate_size' }
  const headDim = { size: spec.headDim, field: 'head_dim' }
  const queries = { size: spec.headCount * spec.headDim, field: 'num_attention_heads * head_dim' }
  const keys = { size: spec.kvHeadCount * spec.headDim, field: 'num_key_value_heads * head_dim' }

  const norm = (name: string, size: Dimension): ExpectedTensor => ({
    name: `${name}.weight`,
    part: 'norm',
    dimensions: [size],
  })
  const linear = (part: Part, name: string, outputs: Dimension, inputs: Dimension, bias: boolean): ExpectedTensor[] => {
    const weight: ExpectedTensor = { name: `${name}.weight`, part, dimensions: [outputs, inputs] }
    return bias ? [weight, { name: `${name}.bias`, part, dimensions: [outputs] }] : [weight]
  }
  return [
    norm('input_layernorm', hidden),
    ...linear('attention', 'self_attn.q_proj', queries, attended, spec.qkvBias),
    ...linear('attention', 'self_attn.k_proj', keys, attended, spec.qkvBias),
    ...linear('attention', 'self_attn.v_proj', keys, attended, spec.qkvBias),
    ...(spec.qkNorm ? [norm('self_attn.q_norm', headDim), norm('self_attn.k_norm', headDim)] : []),
    ...linear('attention', 'self_attn.o_proj', hidden, queries, spec.outputBias),
    norm('post_attention_layernorm', hidden),
    ...linear('mlp', 'mlp.gate_proj', inner, hidden, spec.mlpBias),
    ...linear('mlp', 'mlp.up_proj', inner, hidden, spec.mlpBias),
    ...linear('mlp', 'mlp.down_proj', hidden, inner, spec.mlpBias),
  ]
}
