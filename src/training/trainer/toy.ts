import { type Tensor, tensor, zeros } from '../../tensor/index.ts'
import type { StepResult, TrainingStep } from '../step.ts'
import type { StepInputs, StepStream } from './stream.ts'

/*
 * The smallest thing that can be trained, for tests of the trainer: a line y = w x + b per feature, learned from points,
 * in plain arithmetic. It is a whole step: accumulation, AdamW and a state that resumes bit for bit.
 */

const [beta1, beta2, epsilon] = [0.9, 0.99, 1e-8]

/** `size` parameters; y is `size` copies of a known line, so that every parameter has something to learn. */
export function toyStep(size: number): TrainingStep {
  const state = new Map<string, Tensor<'f32'>>()
  for (const name of ['line', 'line.m', 'line.v', 'line.g']) state.set(name, zeros('f32', [size]))
  const updates = tensor('i32', [1], new Int32Array(1))
  const [line, first, second, gradient] = [...state.values()].map(({ data }) => data)
  let weight = 0

  const run = (inputs: StepInputs['inputs'], learn: boolean): StepResult => {
    const [xs, ys] = [inputs.x.data as Float32Array, inputs.y.data as Float32Array]
    let loss = 0
    for (let row = 0; row < xs.length; row++)
      for (let i = 0; i < size; i++) {
        const error = line[i] * xs[row] - ys[row] * (1 + (i % 2))
        loss += (error * error) / size
        if (learn) gradient[i] += 2 * error * xs[row]
      }
    if (learn) weight += xs.length
    return { loss, weight: xs.length, metrics: {} }
  }
  return {
    parameters: new Map([['line', state.get('line')!]]),
    accumulate: async (inputs) => run(inputs, true),
    evaluate: async (inputs) => run(inputs, false),
    async update({ learningRate }) {
      const t = ++updates.data[0]
      let square = 0
      for (let i = 0; i < size; i++) {
        const g = gradient[i] / weight
        square += g * g
        first[i] = beta1 * first[i] + (1 - beta1) * g
        second[i] = beta2 * second[i] + (1 - beta2) * g * g
        line[i] -= (learningRate * first[i]) / (1 - beta1 ** t) / (Math.sqrt(second[i] / (1 - beta2 ** t)) + epsilon)
      }
      gradient.fill(0)
      weight = 0
      return { gradientNorm: Math.sqrt(square) }
    },
    state: () => new Map<string, Tensor>([...[...state].slice(0, 3), ['updates', updates]]),
    restore(stored) {
      for (const [name, { data }] of [...state].slice(0, 3)) data.set(stored.get(name)!.data as Float32Array)
      updates.data.set(stored.get('updates')!.data as Int32Array)
    },
    dispose: async () => {},
  }
}

export interface ToyStreamState {
  readonly batch: number
  readonly random: number
}

interface ToyStream extends StepStream {
  next(): StepInputs
}

/** Four points of the line y = 3 x, with noise, per batch. `spoil` multiplies the y of some batches, by number. */
export function toyStream(state?: unknown, spoil: Readonly<Record<number, number>> = {}): ToyStream {
  let { batch, random } = (state as ToyStreamState | undefined) ?? { batch: 0, random: 12_345 }
  const draw = () => {
    random = (Math.imul(random, 1664525) + 1013904223) | 0
    return random / 2 ** 31
  }
  return {
    next() {
      const x = Float32Array.from({ length: 4 }, draw)
      const y = x.map((value) => (3 * value + 0.1 * draw()) * (spoil[batch] ?? 1))
      batch++
      const layout = { sequences: 1, length: 4, parents: new Int32Array(4).fill(-1) }
      return { inputs: { x: tensor('f32', [4], x), y: tensor('f32', [4], y) }, layout, tokens: 4 }
    },
    get state(): ToyStreamState {
      return { batch, random }
    },
  }
}
