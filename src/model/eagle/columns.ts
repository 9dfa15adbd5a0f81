import { type Tensor, type TensorSource, tensor, toFloat32 } from '../../tensor/index.ts'

/** What some columns of a weight are called. */
export const columnsName = (weight: string, start: number, end: number): string => `${weight}[:, ${start}:${end}]`

/**
 * The tensors of a source, and beside them the columns of one of them, so many each time, under their names. The columns
 * are in memory; closing the result closes nothing.
 */
export async function withColumns(
  source: TensorSource,
  weight: string,
  widths: readonly number[],
): Promise<TensorSource> {
  const whole = await source.read(weight)
  const [rows, columns] = whole.shape
  const values = toFloat32(whole)
  const parts = new Map<string, Tensor<'f32'>>()
  let start = 0
  for (const width of widths) {
    const part = new Float32Array(rows * width)
    for (let row = 0; row < rows; row++)
      part.set(values.subarray(row * columns + start, row * columns + start + width), row * width)
    parts.set(columnsName(weight, start, start + width), tensor('f32', [rows, width], part))
    start += width
  }
  const infos = new Map(source.infos)
  const { file } = source.infos.get(weight)!
  for (const [name, { dtype, shape }] of parts) infos.set(name, { name, dtype, shape, file })
  return {
    infos,
    read: async (name) => parts.get(name) ?? source.read(name),
    async readRows(name, first, end) {
      const part = parts.get(name)
      if (part === undefined) return source.readRows(name, first, end)
      const width = part.shape[1]
      return tensor('f32', [end - first, width], part.data.subarray(first * width, end * width))
    },
    close: async () => {},
  }
}
