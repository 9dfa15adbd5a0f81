import type { ModelSpec } from '../checkpoint/index.ts'
import { PacelineError } from '../errors.ts'
import { median } from '../median.ts'
import { measureGemm } from '../runtime/index.ts'
import { memorySource, type Tensor, tensor } from '../tensor/index.ts'
import { createTrainingStep, freshTensors, languageModelObjective } from '../training/index.ts'

/** What a training step of a language model costs on this machine, beside the matrix products it is made of. */
export interface TrainingProfile {
  readonly parameters: number
  readonly tokens: number
  /** Medians, in milliseconds. */
  readonly accumulateMs: number
  readonly updateMs: number
  readonly tokensPerSecond: number
  /** 6 * parameters * tokens / (accumulate + update), in 1e9 per second. */
  readonly gflops: number
  /** Of a product [4096, 256] x [256, 704], both operands inputs, measured after each step: the median. */
  readonly gemmGflops: number
  /** Best rate of a step / best rate of the product: what other work on the machine disturbs least. */
  readonly share: number
  /** Of this process, at most. */
  readonly peakBytes: number
}

export interface TrainingProfileOptions {
  readonly spec: ModelSpec
  readonly sequences: number
  readonly length: number
  readonly steps?: number
  readonly threads?: number
  readonly onProgress?: (share: number) => void
}

/**
 * Trains a fresh model on random tokens for a few steps, one product beside each, and reports medians.
 * Throws code `argument` for sequences longer than the model's context, and for a number that is no count.
 */
export async function profileTraining({
  spec,
  sequences,
  length,
  steps = 5,
  threads,
  onProgress,
}: TrainingProfileOptions): Promise<TrainingProfile> {
  for (const [name, value] of Object.entries({ sequences, length, steps }))
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw new PacelineError('argument', `${name} is ${value}, expected an integer of at least 1.`)
  if (length > spec.contextLength)
    throw new PacelineError('argument', `length is ${length}, the model is made for ${spec.contextLength} positions.`)
  const rows = sequences * length
  const source = memorySource(freshTensors(spec, 1))
  const step = await createTrainingStep(languageModelObjective(spec), source, threads ? { threads } : {})
  const batch = randomBatch(spec.vocabSize, sequences, length)
  const times: Record<'accumulate' | 'update' | 'gemm', number[]> = { accumulate: [], update: [], gemm: [] }
  const gemm = await measureGemm(4096, 256, 704, threads)
  try {
    for (let i = 0; i <= steps; i++) {
      onProgress?.(i / (steps + 1))
      const started = performance.now()
      await step.accumulate(batch.inputs, batch.layout)
      const accumulated = performance.now()
      await step.update({ learningRate: 1e-4 })
      const updated = performance.now()
      const rate = await gemm.run()
      if (i === 0) continue // warm-up
      times.accumulate.push(accumulated - started)
      times.update.push(updated - accumulated)
      times.gemm.push(rate)
    }
    const parameters = [...step.parameters.values()].reduce((sum, { data }) => sum + data.length, 0)
    const [accumulateMs, updateMs, gemmGflops] = [times.accumulate, times.update, times.gemm].map(median)
    const rateOf = (ms: number) => (6 * parameters * rows) / ms / 1e6
    const best = rateOf(Math.min(...times.accumulate.map((ms, i) => ms + times.update[i])))
    return {
      parameters,
      tokens: rows,
      accumulateMs,
      updateMs,
      tokensPerSecond: (1000 * rows) / (accumulateMs + updateMs),
      gflops: rateOf(accumulateMs + updateMs),
      gemmGflops,
      share: best / Math.max(...times.gemm),
      peakBytes: process.resourceUsage().maxRSS * 1024,
    }
  } finally {
    await step.dispose()
    await gemm.dispose()
  }
}

function randomBatch(vocabSize: number, sequences: number, length: number) {
  const rows = sequences * length
  const ids = Int32Array.from({ length: rows + 1 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 8).map(
    (v) => v % vocabSize,
  )
  const inputs: Record<string, Tensor> = {
    tokens: tensor('i32', [rows], ids.slice(0, rows)),
    targets: tensor('i32', [rows], ids.slice(1)),
    positions: tensor(
      'i32',
      [rows],
      Int32Array.from(ids.subarray(1), (_, row) => row % length),
    ),
    weights: tensor('f32', [rows], new Float32Array(rows).fill(1)),
  }
  const parents = Int32Array.from(inputs.positions.data as Int32Array, (position, row) =>
    position === 0 ? -1 : row - 1,
  )
  return { inputs, layout: { sequences, length, parents } }
}
