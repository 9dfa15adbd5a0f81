import type { TensorSource } from '../../tensor/index.ts'
import { Fields } from '../fields.ts'
import type { ModelSpec } from '../spec.ts'
import type { MedusaLayout } from './names.ts'
import type { MedusaLmHead, MedusaSpec } from './spec.ts'
import { lmHeadName, sharedLmHeadName } from './tensors.ts'

/** Heads in one folder, at most: far more than any are trained. */
const mostHeads = 64

/**
 * Reads the content of a `config.json` beside the tensors of `source`, under canonical names. The authors' one gives
 * neither width nor vocabulary: those are the target's then, and tensors of other shapes will say so. Nor does it say
 * whether there are matrices of their own, or how many heads: published ones that say 2 hold 5. Both follow from the tensors.
 * Throws code `format` for missing fields and wrong types, `checkpoint` for values out of range, `unsupported` for heads
 * that cannot run here.
 */
export function parseMedusaConfig(
  json: unknown,
  { layout, source }: { readonly layout: MedusaLayout; readonly source: TensorSource },
  target: Pick<ModelSpec, 'hiddenSize' | 'vocabSize'>,
  file = 'config.json',
): MedusaSpec {
  const config = new Fields(json, file)
  const type = config.string('model_type', 'medusa')
  if (layout === 'vllm' && type !== 'medusa') throw config.wrong('model_type', '"medusa"', 'unsupported')
  if (config.string('hidden_act', 'silu') !== 'silu') throw config.wrong('hidden_act', '"silu"', 'unsupported')
  const either = (name: string, other: string) => (config.raw(name) == null ? other : name)
  const vocabSize = config.integer('vocab_size', 1, 2 ** 24, target.vocabSize)
  const named = config.integer(either('num_heads', 'medusa_num_heads'), 1, mostHeads)
  return {
    headCount: layout === 'authors' ? Math.max(named, Math.min(mostHeads, headsOf(source))) : named,
    layerCount: config.integer(either('num_hidden_layers', 'medusa_num_layers'), 1, 1024, 1),
    hiddenSize: config.integer('hidden_size', 1, 131_072, target.hiddenSize),
    vocabSize,
    draftVocabSize: config.integer('truncated_vocab_size', 1, vocabSize, vocabSize),
    bias: config.boolean('medusa_fc_bias', layout === 'authors'),
    lmHead: lmHeadOf(config, layout, source),
  }
}

function headsOf({ infos }: TensorSource): number {
  const heads = Array.from(infos.keys(), (name) => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1))
  return Math.max(...heads) + 1
}

function lmHeadOf(config: Fields, layout: MedusaLayout, { infos }: TensorSource): MedusaLmHead {
  const stored = infos.has(lmHeadName(0)) || infos.has(sharedLmHeadName)
  const original = config.boolean('original_lm_head', layout === 'authors' && !stored)
  if (!original) return 'own'
  return stored ? 'shared' : 'target'
}
