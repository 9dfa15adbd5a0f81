import { type Tensor, type TensorInfo, type TensorSource, tensor, toFloat32 } from '../../tensor/index.ts'
import { type AdapterSpec, adapterScale, downName, upName } from './spec.ts'

/**
 * The weights of a base model with W + scale B A, in f32, in place of each W that the adapter has. Sums are made when they
 * are read, and none is kept. Closing it closes neither source.
 */
export function merged(base: TensorSource, adapter: AdapterSpec, stored: TensorSource): TensorSource {
  const adapted = new Set(adapter.modules.map((module) => `${module}.weight`))
  const scale = adapterScale(adapter)
  return {
    infos: new Map<string, TensorInfo>(
      Array.from(base.infos, ([name, info]) => [name, adapted.has(name) ? { ...info, dtype: 'f32' } : info]),
    ),
    async read(name) {
      const weight = await base.read(name)
      if (!adapted.has(name)) return weight
      return sum(weight, await stored.read(upName(name)), await stored.read(downName(name)), scale)
    },
    async readRows(name, start, end) {
      const weight = await base.readRows(name, start, end)
      if (!adapted.has(name)) return weight
      return sum(weight, await stored.readRows(upName(name), start, end), await stored.read(downName(name)), scale)
    },
    close: async () => {},
  }
}

/** W + scale B A; weight [rows, inputs], up [rows, rank], down [rank, inputs]. Each element is rounded once. */
function sum(weight: Tensor, up: Tensor, down: Tensor, scale: number): Tensor<'f32'> {
  const [w, b, a] = [weight, up, down].map(toFloat32)
  const [rank, inputs] = down.shape
  const sums = new Float32Array(w.length)
  const row = new Float64Array(inputs)
  for (let at = 0, k = 0; at < w.length; at += inputs) {
    row.fill(0)
    for (let r = 0; r < rank; r++, k++) for (let i = 0; i < inputs; i++) row[i] += b[k] * a[r * inputs + i]
    for (let i = 0; i < inputs; i++) sums[at + i] = w[at + i] + scale * row[i]
  }
  return tensor('f32', weight.shape, sums)
}
