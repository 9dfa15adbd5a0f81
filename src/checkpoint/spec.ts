import type { DecoderSpec } from '../nn/spec.ts'
import type { Recipe } from './recipe.ts'

/** Everything the engine needs to know of a checkpoint, read from `config.json` and validated against its tensors. */
export interface ModelSpec extends DecoderSpec {
  /** `model_type` of the configuration: llama, mistral, qwen2, qwen3. */
  readonly architecture: string
  readonly vocabSize: number
  /** The longest sequence the model was made for (`max_position_embeddings`). */
  readonly contextLength: number
  /** The LM head is the embedding table. */
  readonly tiedEmbeddings: boolean
  readonly bosTokenId: number | null
  /** Any of these ends a text (`generation_config.json` over `config.json`). */
  readonly eosTokenIds: readonly number[]
  /** What `int4` keeps at 8 bits, from the folder's paceline.json; the default recipe unless given. */
  readonly recipe?: Recipe
}
