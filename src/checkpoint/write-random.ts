import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../errors.ts'
import { type NamedTensor, writeSafetensors } from '../tensor/index.ts'
import { byteTokenizer, byteTokenizerConfig, byteVocabSize } from './byte-tokenizer.ts'
import { randomTensors } from './random.ts'
import { shapeSpec } from './shapes.ts'
import type { ModelSpec } from './spec.ts'
import { toConfig } from './to-config.ts'

export interface RandomCheckpointOptions {
  /** Jinja text for `chat_template`. Without it the checkpoint has none. */
  readonly chatTemplate?: string
}

/**
 * Writes a complete checkpoint folder with random weights and one token per byte of text, so that everything can be
 * tried without a downloaded model: the one that `randomCheckpoint` makes of the same shape and seed. All weights are in
 * memory while it writes. Creates `folder` where needed and overwrites its files; returns what it wrote.
 * Throws code `argument` for a specification that cannot be written, `file` when writing fails.
 */
export async function writeRandomCheckpoint(
  folder: string,
  shape: string | Partial<ModelSpec>,
  seed: number,
  { chatTemplate }: RandomCheckpointOptions = {},
): Promise<ModelSpec> {
  const spec = shapeSpec(shape)
  if (spec.vocabSize < byteVocabSize)
    throw new PacelineError(
      'argument',
      `spec: vocabSize is ${spec.vocabSize}, expected at least ${byteVocabSize}: one token per byte, BOS and EOS.`,
    )
  const source = randomTensors(spec, seed)
  const tensors: NamedTensor[] = []
  for (const name of source.infos.keys()) tensors.push({ name, tensor: await source.read(name) })

  const json = (file: string, content: object) => writeFile(join(folder, file), `${JSON.stringify(content, null, 2)}\n`)
  try {
    await mkdir(folder, { recursive: true })
    await json('config.json', toConfig(spec))
    await json('generation_config.json', { bos_token_id: spec.bosTokenId, eos_token_id: spec.eosTokenIds })
    await json('tokenizer.json', byteTokenizer())
    await json('tokenizer_config.json', byteTokenizerConfig(chatTemplate))
  } catch (cause) {
    throw new PacelineError('file', `${folder}: cannot be written: ${(cause as Error).message}`, { cause })
  }
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' })
  return spec
}
