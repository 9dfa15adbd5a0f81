import { expect } from 'vitest'
import { onnxExecutor, referenceExecutor } from '../../runtime/index.ts'
import { memorySource, type Tensor, tensor } from '../../tensor/index.ts'
import type { Objective } from '../objective.ts'
import type { BatchLayout } from '../step.ts'
import { trainingGraph } from '../training-step.ts'

export interface ObjectiveCase {
  /** Frozen weights and first parameters, by their names in a checkpoint. */
  readonly tensors: Readonly<Record<string, Tensor>>
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly layout: BatchLayout
}

/** Expects loss, metrics and gradients under ONNX Runtime to be the interpreter's, no gradient to be zero. Returns their names. */
export async function expectSameUnderOnnx(objective: Objective, { tensors, inputs, layout }: ObjectiveCase) {
  const { graph, parameters } = trainingGraph(objective)
  const given: Record<string, Tensor> = {}
  for (const { name, sources, shape } of parameters)
    given[name] = tensor(
      'f32',
      shape,
      Float32Array.from(sources.flatMap((source) => [...tensors[source].data].map(Number))),
    )
  const { parents, length: block, ridersFrom } = layout
  const rows = { parents, block, ...(ridersFrom !== undefined && { ridersFrom }) }
  const [expected, actual] = await Promise.all(
    [referenceExecutor, onnxExecutor({ threads: 1, training: true })].map(async (executor) => {
      const executable = await executor.compile(graph, memorySource(tensors))
      const results = await executable.run({ ...inputs, ...given }, { rows })
      await executable.dispose()
      return results
    }),
  )
  for (const [name, { data }] of Object.entries(expected)) {
    const size = (data as Float32Array).reduce((largest, v) => Math.max(largest, Math.abs(v)), 0)
    if (name.startsWith('gradient')) expect(size, name).toBeGreaterThan(0)
    data.forEach((value, i) => {
      expect(Math.abs(Number(actual[name].data[i]) - Number(value)), `${name}[${i}]`).toBeLessThanOrEqual(
        1e-4 * Math.max(size, 1e-3),
      )
    })
  }
  return Object.keys(expected)
}
