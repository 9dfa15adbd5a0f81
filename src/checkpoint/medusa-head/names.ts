import type { TensorSource } from '../../tensor/index.ts'
import { addName, renamed } from '../renamed.ts'
import { lmHeadName, sharedLmHeadName } from './tensors.ts'

/** Who laid the tensors out: the method's authors, or vLLM. Some fields of the configuration mean one thing in each. */
export type MedusaLayout = 'authors' | 'vllm'

export interface NamedHeads {
  readonly layout: MedusaLayout
  /** Under the names of `medusaTensors`. */
  readonly source: TensorSource
}

/**
 * The authors' trainer calls residual block l of head h `h.l.linear`, and the matrix behind the last one `h.L.weight`; vLLM
 * calls them `blocks.h.layers.l` and `lm_heads.h.weight`. Both may put `medusa_heads.` in front. Other names stay as they
 * are. Throws code `checkpoint` where two tensors come to the same name.
 */
export function canonicalMedusaNames(stored: TensorSource): NamedHeads {
  const names = new Map<string, string>()
  let layout: MedusaLayout = 'vllm'
  for (const original of stored.infos.keys()) {
    const name = original.replace(/^medusa_heads?\./, '')
    const [, head, block, part] = /^(\d+)\.(\d+)\.(linear\.weight|linear\.bias|weight)$/.exec(name) ?? []
    if (head === undefined) addName(names, name, original, stored)
    else {
      layout = 'authors'
      const canonical =
        part === 'weight' ? lmHeadName(Number(head)) : `blocks.${head}.layers.${block}.${part.slice('linear.'.length)}`
      addName(names, canonical, original, stored)
    }
  }
  return { layout, source: renamed(stored, names) }
}

/**
 * Heads that share a matrix keep it as `lm_head.weight`, or as that of the first head, beside which those of others mean
 * nothing: the source with the first name alone.
 */
export function withSharedLmHead(source: TensorSource): TensorSource {
  const shared = [sharedLmHeadName, lmHeadName(0)].find((name) => source.infos.has(name))
  const others = [...source.infos.keys()].filter((name) => !/^lm_heads?\./.test(name))
  const names = new Map(others.map((name) => [name, name]))
  if (shared !== undefined) names.set(sharedLmHeadName, shared)
  return renamed(source, names)
}
