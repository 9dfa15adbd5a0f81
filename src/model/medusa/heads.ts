import { type Dtype, lmHeadName, type MedusaSpec, sharedLmHeadName } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import type { Executable, Executor } from '../../runtime/index.ts'
import { type Tensor, type TensorSource, tensor } from '../../tensor/index.ts'
import { draftHeadName, withTargetHead } from '../draft-head.ts'
import { draftVocabulary } from '../draft-vocabulary.ts'
import type { TargetModel } from '../load.ts'
import type { Top } from '../target.ts'
import { medusaBlocksGraph, medusaLmHeadGraph } from './graph.ts'

/** Heads as they lie in their folder, and the target that they draft for. */
export interface MedusaSources {
  readonly spec: MedusaSpec
  readonly heads: TensorSource
  /** Tokens of the target that the heads know [draftVocab]; all of them unless given. */
  readonly targetIds?: Int32Array
  readonly target: Pick<TargetModel, 'spec'>
  /** The target's tensors: read for its LM head, where that is the heads'. */
  readonly targetSource: TensorSource
}

export interface MedusaModelOptions {
  readonly executor: Executor
  readonly dtype: Dtype
  /** How many of the likeliest tokens each head tells of. */
  readonly top: number
}

export type MedusaHeadOutput = 'top' | 'logits'

/** What the heads say, one row for each; ids are the target's. */
export interface MedusaOutputs {
  readonly top?: Top // [heads, top]
  /** -Infinity for tokens that the heads do not know. */
  readonly logits?: Float32Array // [heads, vocab]
}

/** Heads ready to run; they keep nothing between passes, so that any number of texts share them. */
export interface MedusaModel {
  readonly spec: MedusaSpec
  /** Tokens that a head tells of, of those asked for: heads may know fewer. */
  readonly top: number
  readonly weightBytes: number
  /** All heads from the feature [hidden] of one position of the target. */
  forward(feature: Float32Array, outputs: readonly MedusaHeadOutput[]): Promise<MedusaOutputs>
  dispose(): Promise<void>
}

/** Reads the weights of heads, and of what they share with their target. Throws as the executor does. */
export async function loadMedusaHeads(
  { spec, heads, targetIds, target, targetSource }: MedusaSources,
  { executor, dtype, top }: MedusaModelOptions,
): Promise<MedusaModel> {
  const known = targetIds?.length ?? spec.vocabSize
  if (known !== spec.draftVocabSize)
    throw new PacelineError(
      'argument',
      `the heads know ${spec.draftVocabSize} tokens, and ${targetIds ? known : 'all'} ids were given for them`,
    )
  const source = spec.lmHead === 'target' ? withTargetHead(heads, target, targetSource, targetIds) : heads
  const compiled: Executable[] = []
  const dispose = async () => {
    for (const executable of compiled) await executable.dispose()
  }
  try {
    compiled.push(await executor.compile(medusaBlocksGraph(spec, dtype), source))
    for (const name of lmHeadNames(spec))
      compiled.push(await executor.compile(medusaLmHeadGraph(spec, name, dtype, top), source))
  } catch (error) {
    await dispose()
    throw error
  }
  const [blocks, ...lmHeads] = compiled
  const { hiddenSize, headCount, vocabSize } = spec
  const vocabulary = draftVocabulary(vocabSize, targetIds)
  return {
    spec,
    top: Math.min(top, spec.draftVocabSize),
    weightBytes: compiled.reduce((sum, { weightBytes }) => sum + weightBytes, 0),
    dispose,
    async forward(feature, asked) {
      const outputs = asked.flatMap((output) => (output === 'top' ? ['top tokens', 'top log-probabilities'] : [output]))
      const { states } = await blocks.run({ feature: tensor('f32', [1, hiddenSize], feature) })
      // A matrix that heads share is read once for all of them.
      const rows = headCount / lmHeads.length
      const runs: Readonly<Record<string, Tensor>>[] = []
      for (const [i, lmHead] of lmHeads.entries()) {
        const from = i * rows * hiddenSize
        const state = (states.data as Float32Array).subarray(from, from + rows * hiddenSize)
        runs.push(await lmHead.run({ state: tensor('f32', [rows, hiddenSize], state) }, { outputs }))
      }
      const joined = (name: string) => join(runs.map((run) => run[name].data as Float32Array))
      return {
        ...(asked.includes('logits') && { logits: vocabulary.widened(joined('logits')) }),
        ...(asked.includes('top') && {
          top: {
            tokens: vocabulary.targetTokens(
              Int32Array.from(
                runs.flatMap((run) => [...run['top tokens'].data]),
                Number,
              ),
            ),
            logProbabilities: joined('top log-probabilities'),
          },
        }),
      }
    },
  }
}

/** The matrices that the heads end in: one for each, or one for all. */
function lmHeadNames({ lmHead, headCount }: MedusaSpec): string[] {
  if (lmHead === 'own') return Array.from({ length: headCount }, (_, head) => lmHeadName(head))
  return [lmHead === 'shared' ? sharedLmHeadName : draftHeadName]
}

function join(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
