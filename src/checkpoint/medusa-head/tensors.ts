import type { ExpectedTensor } from '../tensors.ts'
import type { MedusaSpec } from './spec.ts'

/** The matrix of `lmHead` "shared". */
export const sharedLmHeadName = 'lm_head.weight'

/** Target ids of the tokens that heads know which do not know all; no weight. */
export const tokenMapName = 'token_map'

/** The matrix of head `head` (from 0) of `lmHead` "own". */
export const lmHeadName = (head: number) => `lm_heads.${head}.weight`

/** What the names of a head's residual block begin with. */
export const blockName = (head: number, layer: number) => `blocks.${head}.layers.${layer}`

/** Every weight that heads of this specification must have, head by head, under the names that vLLM gave them. */
export function medusaTensors(spec: MedusaSpec): ExpectedTensor[] {
  const hidden = { size: spec.hiddenSize, field: 'hidden_size' }
  const draftVocab = {
    size: spec.draftVocabSize,
    field: spec.draftVocabSize < spec.vocabSize ? 'truncated_vocab_size' : 'vocab_size',
  }
  const lmHead = (name: string): ExpectedTensor => ({ name, part: 'head', dimensions: [draftVocab, hidden] })
  const heads = Array.from({ length: spec.headCount }, (_, head) => [
    ...Array.from({ length: spec.layerCount }, (_, layer): ExpectedTensor[] => {
      const name = blockName(head, layer)
      return [
        { name: `${name}.weight`, part: 'mlp', dimensions: [hidden, hidden] },
        ...(spec.bias ? [{ name: `${name}.bias`, part: 'mlp', dimensions: [hidden] } as const] : []),
      ]
    }).flat(),
    ...(spec.lmHead === 'own' ? [lmHead(lmHeadName(head))] : []),
  ])
  return [...heads.flat(), ...(spec.lmHead === 'shared' ? [lmHead(sharedLmHeadName)] : [])]
}
