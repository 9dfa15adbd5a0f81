import { philox4x32 } from '../../decoding/index.ts'
import { type Layer, sigmoid } from '../../drafters/index.ts'
import { type Tensor, tensor } from '../../tensor/index.ts'

/** The parameters of a feed-forward network with two layers, by name. */
export type Network = ReadonlyMap<string, Tensor<'f32'>>

/** Weights uniform within sqrt(6 / (inputs + outputs)) (Glorot & Bengio 2010), biases 0. Equal seeds, equal networks. */
export function freshNetwork(inputs: number, hidden: number, seed: number): Network {
  const words = new Uint32Array(4)
  const matrix = (rows: number, columns: number, stream: number) => {
    const bound = Math.sqrt(6 / (rows + columns))
    const data = Float32Array.from({ length: rows * columns }, (_, i) => {
      philox4x32(words, i, stream, 0, 0, seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0)
      return bound * (2 * (words[0] / 2 ** 32) - 1)
    })
    return tensor('f32', [rows, columns], data)
  }
  return new Map([
    ['weights 1', matrix(hidden, inputs, 1)],
    ['bias 1', tensor('f32', [hidden], new Float32Array(hidden))],
    ['weights 2', matrix(1, hidden, 2)],
    ['bias 2', tensor('f32', [1], new Float32Array(1))],
  ])
}

/** The network as a file holds it, with the seven digits that a float has. */
export function layersOf(network: Network): Layer[] {
  const plain = (values: Iterable<number>) => Array.from(values, (x) => Number(x.toPrecision(7)))
  return [1, 2].map((layer) => {
    const { shape, data } = network.get(`weights ${layer}`)!
    const rows = Array.from({ length: shape[0] }, (_, i) => data.subarray(i * shape[1], (i + 1) * shape[1]))
    return { weights: rows.map(plain), bias: plain(network.get(`bias ${layer}`)!.data) }
  })
}

/**
 * Adds the gradient of the cross-entropy of one example to `gradients`, and returns the cross-entropy in nats.
 * With h = W1 x + b1, a = SiLU(h), z = w2 a + b2, y the label: L = log(1 + e^z) - y z, dL/dz = sigmoid(z) - y.
 */
export function addGradient(
  network: Network,
  gradients: ReadonlyMap<string, Float32Array>,
  x: ArrayLike<number>,
  y: 0 | 1,
): number {
  const [w1, b1, w2, b2] = ['weights 1', 'bias 1', 'weights 2', 'bias 2'].map((name) => network.get(name)!.data)
  const [dw1, db1, dw2, db2] = ['weights 1', 'bias 1', 'weights 2', 'bias 2'].map((name) => gradients.get(name)!)
  const hidden = b1.length
  const h = new Float64Array(hidden)
  let z = b2[0]
  for (let j = 0; j < hidden; j++) {
    let sum = b1[j]
    for (let i = 0; i < x.length; i++) sum += w1[j * x.length + i] * x[i]
    h[j] = sum
    z += w2[j] * sum * sigmoid(sum)
  }
  const dz = sigmoid(z) - y
  db2[0] += dz
  for (let j = 0; j < hidden; j++) {
    const s = sigmoid(h[j])
    dw2[j] += dz * h[j] * s
    // d SiLU(h) / dh = s (1 + h (1 - s))
    const dh = dz * w2[j] * s * (1 + h[j] * (1 - s))
    db1[j] += dh
    for (let i = 0; i < x.length; i++) dw1[j * x.length + i] += dh * x[i]
  }
  return crossEntropy(z, y)
}

/** log(1 + e^z) - y z, also for large z. */
export function crossEntropy(z: number, y: 0 | 1): number {
  return Math.max(z, 0) - y * z + Math.log1p(Math.exp(-Math.abs(z)))
}
