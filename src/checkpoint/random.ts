import { PacelineError } from '../errors.ts'
import { elementCount, type TensorInfo, type TensorSource, tensor } from '../tensor/index.ts'
import { byteTokenizer, byteTokenizerConfig } from './byte-tokenizer.ts'
import type { Checkpoint } from './checkpoint.ts'
import { shapeSpec } from './shapes.ts'
import type { ModelSpec } from './spec.ts'
import { type ExpectedTensor, expectedTensors } from './tensors.ts'
import { createTextCodec } from './text.ts'

const file = 'random weights'

/**
 * A checkpoint in no folder: random weights of a named shape, or of given fields over those of "llama-tiny", and one
 * token per byte of text. Its text is gibberish, all machinery is real. Equal seeds give equal weights.
 * Throws code `argument` for an unknown name or fields that do not fit together.
 */
export function randomCheckpoint(shape: string | Partial<ModelSpec>, seed: number): Checkpoint {
  const spec = shapeSpec(shape)
  const text = createTextCodec(
    { tokenizer: byteTokenizer(), config: byteTokenizerConfig(), chatTemplate: null },
    spec.vocabSize,
  )
  return { folder: file, spec, source: randomTensors(spec, seed), text, close: async () => {} }
}

/** f32 weights for every tensor of a specification, made when they are read and then forgotten. */
export function randomTensors(spec: ModelSpec, seed: number): TensorSource {
  return randomSource(expectedTensors(spec), seed)
}

/** f32 weights for these tensors, made when they are read and then forgotten. Norms have the weight 1. */
export function randomSource(expected: readonly ExpectedTensor[], seed: number): TensorSource {
  const infos = new Map<string, TensorInfo>()
  for (const { name, dimensions } of expected)
    infos.set(name, { name, dtype: 'f32', shape: dimensions.map(({ size }) => size), file })

  const find = (name: string): TensorInfo => {
    const info = infos.get(name)
    if (info === undefined) throw new PacelineError('checkpoint', `${file}: there is no tensor "${name}"`)
    return info
  }
  const readRows = async (name: string, start: number, end: number) => {
    const { shape } = find(name)
    const [rows, ...row] = shape
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || start > end || end > rows)
      throw new PacelineError('argument', `${file}: rows ${start} to ${end} of tensor "${name}" [${shape.join(', ')}]`)
    const values = new Float32Array((end - start) * elementCount(row))
    if (isNormGain(name)) values.fill(1)
    else fillRows(values, elementCount(row), start, hash(name, seed))
    return tensor('f32', [end - start, ...row], values)
  }
  return { infos, read: async (name) => readRows(name, 0, find(name).shape[0]), readRows, close: async () => {} }
}

/** RMSNorm multiplies by its weight: 1 leaves the signal as large as in a trained model. */
function isNormGain(name: string): boolean {
  return name.endsWith('norm.weight')
}

/** Uniform values with this standard deviation, as models are initialised with. */
const deviation = 0.02

/**
 * Fills `values` with rows `firstRow ...` of a tensor. Each row has a generator of its own, so that rows can be read
 * alone. The generator is the linear congruential one of Numerical Recipes, modulo 2^32: one multiplication per value,
 * and only its high bits, the good ones, survive in a float.
 */
function fillRows(values: Float32Array, rowSize: number, firstRow: number, key: number): void {
  const scale = (deviation * Math.sqrt(3)) / 2 ** 31
  for (let at = 0, row = firstRow; at < values.length; row++) {
    let state = mix(key ^ Math.imul(row + 1, 0x9e3779b9))
    for (const end = at + rowSize; at < end; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0
      values[at] = state * scale
    }
  }
}

/** FNV-1a over the name, begun with the seed. */
function hash(name: string, seed: number): number {
  let state = mix(0x811c9dc5 ^ seed)
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193)
  return mix(state)
}

/** The finaliser of MurmurHash3: every bit of the input changes half of the bits of the output. */
function mix(value: number): number {
  let x = value
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return x ^ (x >>> 16)
}
