import { PacelineError } from '../errors.ts'
import type { TensorInfo, TensorSource } from '../tensor/index.ts'
import type { ModelSpec } from './spec.ts'
import { type ExpectedTensor, expectedTensors } from './tensors.ts'

/**
 * Checks that the tensors are those of the specification: all there, of the right shapes, of a float dtype, and none
 * that shows the specification to be wrong. Reads no data. `configFile` names the specification's file in messages.
 * Throws code `checkpoint` where the two disagree, `unsupported` for weights that are not floats.
 */
export function validateTensors(spec: ModelSpec, source: TensorSource, configFile = 'config.json'): void {
  const expected = expectedTensors(spec)
  requireTensors(expected, source, configFile, ({ name }) =>
    name === 'lm_head.weight'
      ? `there is no tensor "lm_head.weight", and ${configFile} does not say that the head is the embedding table. ` +
        'If it is, set tie_word_embeddings to true.'
      : `there is no tensor "${name}", which ${configFile} implies.`,
  )

  const expectedNames = new Set(expected.map(({ name }) => name))
  for (const info of source.infos.values())
    if (!expectedNames.has(info.name) && contradicts(info.name)) throw unexpected(spec, info, configFile)
}

/**
 * Checks that tensors are there, of the right shapes and of a float dtype. `absent` says what is wrong when one is not.
 * Throws as `validateTensors` does.
 */
export function requireTensors(
  expected: readonly ExpectedTensor[],
  source: TensorSource,
  configFile: string,
  absent: (tensor: ExpectedTensor) => string,
): void {
  for (const tensor of expected) {
    const info = source.infos.get(tensor.name)
    if (info === undefined) throw new PacelineError('checkpoint', `${filesOf(source)}: ${absent(tensor)}`)
    validateShape(tensor, info, configFile)
    validateDType(info)
  }
}

/** Throws code `checkpoint`, with the fields that the shape should follow from. */
export function validateShape(
  { name, dimensions }: Pick<ExpectedTensor, 'name' | 'dimensions'>,
  { shape, file }: TensorInfo,
  configFile: string,
): void {
  const wrong = dimensions.filter(({ size }, axis) => size !== shape[axis])
  if (shape.length === dimensions.length && wrong.length === 0) return
  const fields = new Set((wrong.length > 0 ? wrong : dimensions).map(({ field }) => field))
  const expected = dimensions.map(({ size }) => size).join(', ')
  throw new PacelineError(
    'checkpoint',
    `${file}: tensor "${name}" is [${shape.join(', ')}], ${configFile} says [${expected}] (${[...fields].join(', ')}).`,
  )
}

function validateDType({ name, dtype, file }: TensorInfo): void {
  if (dtype !== 'f32' && dtype !== 'f16' && dtype !== 'bf16')
    throw new PacelineError(
      'unsupported',
      `${file}: tensor "${name}" is ${dtype ?? 'of another type'}, expected f32, f16 or bf16. ` +
        'Use the original checkpoint, before quantisation.',
    )
}

/** The files of a source, for messages. */
function filesOf(source: TensorSource): string {
  const files = [...new Set(Array.from(source.infos.values(), ({ file }) => file))]
  return files.length === 1 ? files[0] : `the ${files.length} files with weights`
}

/**
 * True for a name that would take part in the forward pass, were the specification right about everything else: a bias,
 * a norm, an expert, a layer too many. Not for leftovers (stored RoPE tables, a tied head), nor for what lies
 * outside the decoder (a value head, a vision tower).
 */
function contradicts(name: string): boolean {
  if (name.endsWith('.rotary_emb.inv_freq') || name === 'lm_head.weight') return false
  return name.startsWith('model.layers.') || name.startsWith('model.norm.') || name.startsWith('lm_head.')
}

function unexpected(spec: ModelSpec, { name, file }: TensorInfo, configFile: string): PacelineError {
  const layer = Number(/^model\.layers\.(\d+)\./.exec(name)?.[1] ?? 0)
  const claim =
    layer >= spec.layerCount
      ? `${configFile} says ${spec.layerCount} layers (num_hidden_layers)`
      : `a ${spec.architecture} model as ${configFile} describes it has no such tensor`
  return new PacelineError('checkpoint', `${file}: unexpected tensor "${name}": ${claim}.`)
}
