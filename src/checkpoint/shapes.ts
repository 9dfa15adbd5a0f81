import { PacelineError } from '../errors.ts'
import { byteBos, byteEos, byteVocabSize } from './byte-tokenizer.ts'
import type { ModelSpec } from './spec.ts'
import { toConfig } from './to-config.ts'

/*
 * Shapes of models, for measurements with random weights and for tests: how fast a machine runs a model depends on its
 * shape, not on what it has learned.
 */

const tiny: ModelSpec = {
  architecture: 'llama',
  hiddenSize: 64,
  intermediateSize: 176,
  layerCount: 2,
  headCount: 4,
  kvHeadCount: 2,
  headDim: 16,
  vocabSize: 320,
  contextLength: 512,
  normEps: 1e-5,
  rope: { theta: 10_000, scaling: { type: 'default' } },
  qkvBias: false,
  outputBias: false,
  mlpBias: false,
  qkNorm: false,
  windows: [null, null],
  tiedEmbeddings: false,
  bosTokenId: byteBos.id,
  eosTokenIds: [byteEos.id],
}

const llama31 = {
  vocabSize: 128_256,
  contextLength: 131_072,
  rope: (factor: number): ModelSpec['rope'] => ({
    theta: 500_000,
    scaling: { type: 'llama3', factor, lowFreqFactor: 1, highFreqFactor: 4, originalContextLength: 8192 },
  }),
}

const small = (layerCount: number): Partial<ModelSpec> => ({
  hiddenSize: 320,
  intermediateSize: 880,
  layerCount,
  headCount: 5,
  kvHeadCount: 1,
  headDim: 64,
  vocabSize: 4096,
  contextLength: 8192,
  tiedEmbeddings: true,
})

const shapes: ReadonlyMap<string, Partial<ModelSpec>> = new Map(
  Object.entries({
    /** Llama 3.1 8B: 8,030,261,248 parameters. */
    'llama-8b': {
      ...llama31,
      hiddenSize: 4096,
      intermediateSize: 14_336,
      layerCount: 32,
      headCount: 32,
      kvHeadCount: 8,
      headDim: 128,
      rope: llama31.rope(8),
    },
    /** Llama 3.2 1B: 1,235,814,400 parameters. */
    'llama-1b': {
      ...llama31,
      hiddenSize: 2048,
      intermediateSize: 8192,
      layerCount: 16,
      headCount: 32,
      kvHeadCount: 8,
      headDim: 64,
      rope: llama31.rope(32),
      tiedEmbeddings: true,
    },
    'llama-300m': {
      hiddenSize: 1024,
      intermediateSize: 2816,
      layerCount: 20,
      headCount: 16,
      kvHeadCount: 8,
      headDim: 64,
      vocabSize: 32_000,
      contextLength: 8192,
    },
    'llama-60m': {
      hiddenSize: 512,
      intermediateSize: 1408,
      layerCount: 10,
      headCount: 8,
      kvHeadCount: 4,
      headDim: 64,
      vocabSize: 32_000,
      contextLength: 8192,
    },
    /** Small and deep, 18.8 million parameters: nothing but overhead separates its passes from the speed of memory. */
    'llama-19m': small(16),
    /** One layer of that with its head: what a drafter that shares a target's width costs. */
    'drafter-2m': small(1),
    'llama-tiny': {},
  }),
)

/** The names that `shapeSpec` knows. */
export const shapeNames: readonly string[] = [...shapes.keys()]

/**
 * The specification of a named shape, or of given fields over those of "llama-tiny".
 * Throws code `argument` for an unknown name, and as `toConfig` does for fields that do not fit together.
 */
export function shapeSpec(shape: string | Partial<ModelSpec>): ModelSpec {
  const fields = typeof shape === 'string' ? shapes.get(shape) : shape
  if (fields === undefined)
    throw new PacelineError('argument', `There is no shape "${shape}", expected one of ${shapeNames.join(', ')}.`)
  const { layerCount = tiny.layerCount, vocabSize = tiny.vocabSize } = fields
  const windows = new Array<null>(layerCount).fill(null)
  // Toy vocabularies have no room for the special tokens of the byte tokenizer.
  const special = vocabSize < byteVocabSize ? { bosTokenId: null, eosTokenIds: [] } : {}
  const spec = { ...tiny, windows, ...special, ...fields }
  toConfig(spec)
  return spec
}
