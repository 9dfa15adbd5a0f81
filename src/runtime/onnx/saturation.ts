import type * as Ort from 'onnxruntime-node'
import { OnnxModel } from './model.ts'
import { createSession } from './session.ts'

const shape = { rows: 2, k: 64, n: 64 } as const

let known: Promise<boolean> | undefined

/**
 * Whether products of unsigned and signed 8-bit numbers are wrong here: x86 processors without VNNI add them in pairs of 16 bits, which
 * the largest ones exceed, and ONNX Runtime leaves it at that. Asked of the processor once, by the largest products there are.
 */
export function productsSaturate(ort: typeof Ort): Promise<boolean> {
  known ??= ask(ort)
  return known
}

async function ask(ort: typeof Ort): Promise<boolean> {
  const { rows, k, n } = shape
  const model = new OnnxModel()
  const x = model.input('x', 'u8', [rows, k])
  const weight = model.initializer('i8', [k, n], new Int8Array(k * n).fill(127))
  const y = model.node('MatMulInteger', [x, weight])
  model.output(y, 'i32', [rows, n])
  const session = await createSession(ort, model, { threads: 1, executionProviders: ['cpu'] })
  try {
    const largest = new Uint8Array(rows * k).fill(255)
    const { [y]: sums } = await session.run({ x: new ort.Tensor('uint8', largest, [rows, k]) })
    return (sums.data as Int32Array).some((sum) => sum !== k * 255 * 127)
  } finally {
    await session.release()
  }
}
