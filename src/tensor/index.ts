export {
  bfloat16ToFloat32,
  copyAsFloat32,
  float16Bits,
  float16ToFloat32,
  float16Value,
  float32ToBfloat16,
  float32ToFloat16,
  toFloat32,
} from './convert.ts'
export { allocate, bytesPerElement, type DType, type TypedArray, type TypedArrays, viewAs } from './dtype.ts'
export { openWeights } from './folder/weights.ts'
export { memorySource } from './memory.ts'
export { openPytorch } from './pytorch/reader.ts'
export {
  dequantise,
  type Int4Weights,
  type Int8Weights,
  int4GroupCount,
  int4GroupSize,
  quantiseInt4,
  quantiseInt8,
  quantiseRow,
  smallestScale,
} from './quantise.ts'
export type { NamedTensor } from './safetensors/encode.ts'
export { refuseLfsPointer } from './safetensors/files.ts'
export { openSafetensors, type SafetensorsFile } from './safetensors/reader.ts'

export { writeSafetensors } from './safetensors/writer.ts'
export type { TensorInfo, TensorSource } from './source.ts'
export { elementCount, type Tensor, tensor, zeros } from './tensor.ts'
