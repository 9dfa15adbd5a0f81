import { expectedTensors, type ModelSpec } from '../checkpoint/index.ts'
import { philox4x32 } from '../decoding/index.ts'
import { elementCount, type Tensor, tensor } from '../tensor/index.ts'

const deviation = 0.02

/**
 * The tensors of a model before training. Equal seeds give equal tensors: the noise depends on seed, tensor and element
 * alone.
 */
export function freshTensors(spec: ModelSpec, seed: number): Record<string, Tensor<'f32'>> {
  return Object.fromEntries(
    expectedTensors(spec).map(({ name, dimensions }, index) => {
      const shape = dimensions.map(({ size }) => size)
      return [name, freshTensor(name, shape, { layers: spec.layerCount, stream: index, seed })]
    }),
  )
}

export interface FreshOptions {
  /** Of the model. */
  readonly layers: number
  /** Tensors of one model differ in it. */
  readonly stream: number
  readonly seed: number
}

/**
 * A tensor before training, by what its name says it is: matrices normal with deviation 0.02, those that write to the
 * residual stream divided by sqrt(2 layers), so that its variance does not grow with depth (Radford et al. 2019, section
 * 2.3); gains 1, biases 0.
 */
export function freshTensor(
  name: string,
  shape: readonly number[],
  { layers, stream, seed }: FreshOptions,
): Tensor<'f32'> {
  const data = new Float32Array(elementCount(shape))
  if (name.endsWith('norm.weight')) data.fill(1)
  else if (!name.endsWith('.bias')) {
    const writesResidual = /\.(o_proj|down_proj)\.weight$/.test(name)
    fillNormal(data, writesResidual ? deviation / Math.sqrt(2 * layers) : deviation, stream, seed)
  }
  return tensor('f32', shape, data)
}

/** Box & Muller 1958: two normal numbers from two uniform ones. */
function fillNormal(data: Float32Array, scale: number, stream: number, seed: number): void {
  const words = new Uint32Array(4)
  for (let i = 0; i < data.length; i += 4) {
    philox4x32(words, i >>> 2, 0, stream, 0, seed | 0, Math.floor(seed / 2 ** 32) | 0)
    for (let pair = 0; pair < 4; pair += 2) {
      const radius = scale * Math.sqrt(-2 * Math.log((words[pair] + 0.5) / 2 ** 32))
      const angle = (2 * Math.PI * words[pair + 1]) / 2 ** 32
      if (i + pair < data.length) data[i + pair] = radius * Math.cos(angle)
      if (i + pair + 1 < data.length) data[i + pair + 1] = radius * Math.sin(angle)
    }
  }
}
