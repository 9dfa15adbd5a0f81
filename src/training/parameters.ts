import type { ExpectedTensor } from '../checkpoint/index.ts'
import { PacelineError } from '../errors.ts'
import { elementCount, type Tensor, type TensorSource, tensor, toFloat32 } from '../tensor/index.ts'

/*
 * A parameter is one array, of several checkpoint tensors below one another (q, k and v of a layer): "a + b + c".
 */

const separator = ' + '

/** The array of a parameter, a copy, from its checkpoint tensors. Throws code `shape` when their elements do not add up. */
export async function joinTensors(
  source: TensorSource,
  sources: readonly string[],
  shape: readonly number[],
): Promise<Float32Array> {
  const joined = new Float32Array(elementCount(shape))
  let at = 0
  for (const name of sources) {
    const part = toFloat32(await source.read(name))
    if (at + part.length <= joined.length) joined.set(part, at)
    at += part.length
  }
  if (at !== joined.length)
    throw new PacelineError(
      'shape',
      `${sources.join(', ')} have ${at} elements together, a parameter of [${shape}] needs ${joined.length}`,
    )
  return joined
}

/**
 * Parameters as the checkpoint tensors they are made of, copied. `shapes` gives the shape of each tensor (as in a
 * checkpoint's `expectedTensors`). Throws code `shape` when they do not fill a parameter exactly.
 */
export function splitParameters(
  parameters: ReadonlyMap<string, Tensor>,
  shapes: ReadonlyMap<string, readonly number[]>,
): Map<string, Tensor<'f32'>> {
  const tensors = new Map<string, Tensor<'f32'>>()
  for (const [parameter, { data }] of parameters) {
    let at = 0
    for (const name of parameter.split(separator)) {
      const shape = shapes.get(name)
      if (!shape) throw new PacelineError('shape', `the shape of the tensor "${name}" is not known`)
      const part = (data as Float32Array).slice(at, at + elementCount(shape))
      at += elementCount(shape)
      if (at <= data.length) tensors.set(name, tensor('f32', shape, part))
    }
    if (at !== data.length)
      throw new PacelineError('shape', `the tensors of "${parameter}" take ${at} elements, it has ${data.length}`)
  }
  return tensors
}

/**
 * Expected tensors from the state of the training step that trained them, and nothing else. Throws code `shape` where the
 * two do not fit.
 */
export function trainedTensors(
  state: ReadonlyMap<string, Tensor>,
  expected: readonly ExpectedTensor[],
): Map<string, Tensor<'f32'>> {
  const shapes = expected.map(({ name, dimensions }) => [name, dimensions.map(({ size }) => size)] as const)
  return splitParameters(parametersOf(state), new Map(shapes))
}

/** The parameters among the state of a training step, by their names. */
export function parametersOf(state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map(
    [...state].flatMap(([key, tensor]) => {
      const name = /^parameter (.+)$/.exec(key)?.[1]
      return name === undefined ? [] : [[name, tensor] as const]
    }),
  )
}
