import { PacelineError } from '../errors.ts'
import type { TensorInfo, TensorSource } from './source.ts'
import type { Tensor } from './tensor.ts'

/** A source over tensors that are in memory already. */
export function memorySource(tensors: Readonly<Record<string, Tensor>>, file = 'memory'): TensorSource {
  const find = (name: string): Tensor => {
    if (!Object.hasOwn(tensors, name)) throw new PacelineError('checkpoint', `${file}: there is no tensor "${name}"`)
    return tensors[name]
  }
  return {
    infos: new Map<string, TensorInfo>(
      Object.entries(tensors).map(([name, { dtype, shape }]) => [name, { name, dtype, shape, file }]),
    ),
    read: async (name) => find(name),
    async readRows(name, start, end) {
      const { dtype, shape, data } = find(name)
      const rowSize = data.length / (shape[0] || 1)
      return {
        dtype,
        shape: [end - start, ...shape.slice(1)],
        data: data.subarray(start * rowSize, end * rowSize),
      } as Tensor
    },
    close: async () => {},
  }
}
