import type { Checkpoint } from '../../checkpoint/index.ts'
import { draftHeadName, withTargetHead } from '../../model/index.ts'
import type { Tensor } from '../../tensor/index.ts'

/** The rows of a target's LM head [tokens, hidden] that belong to these ids, as its heads read them; all of it unless given. */
export function targetHead(target: Pick<Checkpoint, 'spec' | 'source'>, targetIds?: Int32Array): Promise<Tensor> {
  return withTargetHead(target.source, target, target.source, targetIds).read(draftHeadName)
}
