import { createHash } from 'node:crypto'
import type { Awaitable } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import { tensor } from '../../tensor/index.ts'
import {
  type StreamState,
  type TokenBatch,
  TokenBatches,
  type TokenBatchesOptions,
  type TokenDataset,
} from '../data/index.ts'
import type { StepInputs, StepStream } from '../trainer/index.ts'

/**
 * How a method turns a batch of tokens into the inputs of its step. `place`: where the batch stands in the stream of
 * training, nowhere in validation.
 */
export type FromTokens = (batch: TokenBatch, place?: StreamState) => Awaitable<StepInputs>

/** The training split of a dataset as step inputs, from its beginning or a stored state on. */
export function tokenStream(
  dataset: TokenDataset,
  options: Omit<TokenBatchesOptions, 'state'>,
  inputsOf: FromTokens,
): (state?: unknown) => StepStream {
  return (state) => {
    const batches = new TokenBatches(dataset, {
      ...options,
      ...(state === undefined ? {} : { state: state as StreamState }),
    })
    return {
      next() {
        const place = batches.state
        return inputsOf(batches.next(), place)
      },
      get state() {
        return batches.state
      },
    }
  }
}

/** Throws code `argument` where a batch would see the same text twice. */
export function requireSequences(dataset: TokenDataset, options: Omit<TokenBatchesOptions, 'state'>): void {
  const { sequences, length } = options
  const available = new TokenBatches(dataset, options).sequencesInEpoch
  if (available >= sequences) return
  throw new PacelineError(
    'argument',
    `${dataset.folder}: there is text to train on for ${available} sequences of ${length} tokens, a batch has ${sequences}. ` +
      'Take fewer or shorter sequences, or more text.',
  )
}

/** The validation split, each document once. */
export async function* validationInputs(
  dataset: TokenDataset,
  shape: { readonly sequences: number; readonly length: number },
  inputsOf: FromTokens,
): AsyncGenerator<StepInputs> {
  for (const batch of TokenBatches.validation(dataset, shape)) yield await inputsOf(batch)
}

/** tokens, targets and positions [rows] i32, weights [rows] f32: next-token prediction. */
export function nextTokenInputs({
  sequences,
  length,
  tokens,
  targets,
  weights,
  positions,
  parents,
}: TokenBatch): StepInputs {
  const rows = [sequences * length]
  return {
    inputs: {
      tokens: tensor('i32', rows, tokens),
      targets: tensor('i32', rows, targets),
      weights: tensor('f32', rows, weights),
      positions: tensor('i32', rows, positions),
    },
    layout: { sequences, length, parents },
    tokens: rows[0],
  }
}

/** The same, and `ones` [1, vocabulary], by which rows of a vocabulary are summed. */
export function distillationInputs(vocabSize: number): (batch: TokenBatch) => StepInputs {
  const ones = tensor('f32', [1, vocabSize], new Float32Array(vocabSize).fill(1))
  return (batch) => {
    const { inputs, ...rest } = nextTokenInputs(batch)
    return { ...rest, inputs: { ...inputs, ones } }
  }
}

/** "sha256:" and the hash of everything that a training sees of a dataset. */
export function datasetFingerprint(dataset: TokenDataset): string {
  const hash = createHash('sha256').update(JSON.stringify([dataset.info.tokenizer, dataset.info.tasks]))
  for (const name of ['train', 'validation'] as const)
    for (const values of Object.values(dataset.split(name)))
      hash.update(ArrayBuffer.isView(values) ? new Uint8Array(values.buffer, values.byteOffset, values.byteLength) : '')
  return `sha256:${hash.digest('hex')}`
}
