export {
  type ChosenExecutor,
  chooseExecutor,
  type ExecutorName,
  type ExecutorOptions,
  executorNames,
} from './choose.ts'
export type { CompileOptions, Executable, Executor, KeysAndValues, KvCache, RowLayout, RunOptions } from './executor.ts'
export { type NativeOptions, nativeExecutor } from './native/executor.ts'
export { type DeviceProfile, measureDevice, measureGemm, measureStream, type Probe } from './onnx/device.ts'
export { type OnnxOptions, onnxExecutor } from './onnx/executor.ts'
export { referenceExecutor } from './reference.ts'
