import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Tensor, writeSafetensors } from '../../tensor/index.ts'
// Not part of the public face of `tensor`: files of torch.save are written by tests alone.
import { pytorchFile } from '../../tensor/pytorch/write-archive.ts'
import { randomSource } from '../random.ts'
import { shapeSpec } from '../shapes.ts'
import { type EagleHead, openEagleHead } from './open.ts'
import type { EagleHeadSpec } from './spec.ts'
import { eagleHeadTensors, embeddingTensor } from './tensors.ts'
import { vocabularyTensors } from './vocabulary.ts'

/** Heads for tests, and the target they draft for. */
export const syntheticTarget = shapeSpec({
  hiddenSize: 32,
  intermediateSize: 80,
  layerCount: 8,
  rope: { theta: 500_000, scaling: { type: 'default' } },
})

const shared = {
  hiddenSize: 32,
  intermediateSize: 48,
  layerCount: 1,
  headCount: 4,
  kvHeadCount: 2,
  headDim: 8,
  normEps: 1e-6,
  rope: { theta: 10_000, scaling: { type: 'default' } },
  qkvBias: false,
  outputBias: false,
  mlpBias: false,
  qkNorm: false,
  windows: [null],
  vocabSize: syntheticTarget.vocabSize,
  targetHiddenSize: 32,
  contextLength: 2048,
  normBeforeResidual: false,
} as const satisfies Partial<EagleHeadSpec>

export const eagleSpec: EagleHeadSpec = { ...shared, kind: 'eagle', fcBias: true, taps: [], draftVocabSize: 320 }
export const eagle3Spec: EagleHeadSpec = {
  ...shared,
  kind: 'eagle3',
  fcBias: false,
  taps: [1, 3, 4],
  draftVocabSize: 5,
}

/** Ids that are neither the first nor without gaps. */
export const eagle3Ids = Int32Array.of(2, 3, 7, 200, 319)

/** The fields of a config.json as EAGLE's own trainers write it, with as little as they do. */
export function publishedConfig({ kind, ...spec }: EagleHeadSpec): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_act: 'silu',
    hidden_size: spec.hiddenSize,
    intermediate_size: spec.intermediateSize,
    num_hidden_layers: 1,
    num_attention_heads: spec.headCount,
    num_key_value_heads: spec.kvHeadCount,
    max_position_embeddings: spec.contextLength,
    rms_norm_eps: spec.normEps,
    rope_scaling: null,
    vocab_size: spec.vocabSize,
    torch_dtype: 'float16',
    pad_token_id: 0,
    ...(kind === 'eagle3' && { draft_vocab_size: spec.draftVocabSize }),
  }
}

/** Random weights for a specification, with an embedding table where asked for. */
export async function syntheticTensors(
  spec: EagleHeadSpec,
  ownEmbedding = false,
  seed = 1,
): Promise<Map<string, Tensor>> {
  const source = randomSource([...eagleHeadTensors(spec), ...(ownEmbedding ? [embeddingTensor(spec)] : [])], seed)
  const tensors = new Map<string, Tensor>()
  for (const name of source.infos.keys()) tensors.set(name, await source.read(name))
  return tensors
}

export type Container = 'model.safetensors' | 'pytorch_model.bin'

/** Writes the files of a head as they are given, right or wrong. */
export async function writeFiles(
  folder: string,
  config: object,
  tensors: ReadonlyMap<string, Tensor>,
  container: Container = 'model.safetensors',
): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  const path = join(folder, container)
  if (container === 'model.safetensors') await writeSafetensors(path, Object.fromEntries(tensors))
  else await writeFile(path, pytorchFile(Object.fromEntries(tensors)))
}

/** Everything that a published head of a specification holds. */
export async function publishedTensors(spec: EagleHeadSpec, ownEmbedding = false): Promise<Map<string, Tensor>> {
  const tensors = await syntheticTensors(spec, ownEmbedding)
  if (spec.draftVocabSize < spec.vocabSize)
    for (const [name, value] of Object.entries(vocabularyTensors(eagle3Ids, spec.vocabSize))) tensors.set(name, value)
  return tensors
}

export interface OpenedHead extends EagleHead {
  /** All that the head's source holds. */
  readonly read: Map<string, Tensor>
}

/** Writes these files into a new folder, opens it as a head, reads everything, and closes it. */
export async function openFiles(
  folder: string,
  config: object,
  tensors: ReadonlyMap<string, Tensor>,
  { container = 'model.safetensors' as Container, target = syntheticTarget } = {},
): Promise<OpenedHead> {
  await writeFiles(folder, config, tensors, container)
  const head = await openEagleHead(folder, target)
  const read = new Map<string, Tensor>()
  try {
    for (const name of head.source.infos.keys()) read.set(name, await head.source.read(name))
  } finally {
    await head.close()
  }
  return { ...head, read }
}
