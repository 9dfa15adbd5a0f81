import { PacelineError } from '../errors.ts'
import { differentiate, type Graph, GraphBuilder, parameterName, prune, withTrainable } from '../graph/index.ts'
import { type Executable, type Executor, onnxExecutor } from '../runtime/index.ts'
import { type Tensor, type TensorSource, tensor } from '../tensor/index.ts'
import { AdamW, type AdamWOptions } from './adamw.ts'
import type { Objective } from './objective.ts'
import { joinTensors } from './parameters.ts'
import type { BatchLayout, StepResult, TrainingStep } from './step.ts'

export interface TrainingStepOptions extends AdamWOptions {
  /** ONNX Runtime on all processors unless given. */
  readonly executor?: Executor
  readonly threads?: number
}

/** An objective as a graph whose trainable weights are inputs: `loss`, `weight`, `metric x` and `gradient x` come out. */
export interface TrainingGraph {
  readonly graph: Graph
  /** Names of the trainable weights, with their checkpoint tensors and shapes. */
  readonly parameters: readonly {
    readonly name: string
    readonly sources: readonly string[]
    readonly shape: readonly number[]
  }[]
  readonly metrics: readonly string[]
}

export function trainingGraph({ write, isTrainable = () => true }: Objective): TrainingGraph {
  const g = new GraphBuilder()
  const { loss, weight, metrics = {} } = write(g)
  const trainable = g.weights.filter(isTrainable)
  if (trainable.length === 0) throw new PacelineError('argument', 'the objective has no trainable weight')
  const gradients = differentiate(g, loss, trainable)
  g.output('loss', loss)
  g.output('weight', weight)
  for (const [name, value] of Object.entries(metrics)) g.output(metricName(name), value)
  trainable.forEach((w, i) => {
    g.output(gradientName(parameterName(w)), gradients[i])
  })
  return {
    graph: prune(withTrainable(g.build(), isTrainable)),
    parameters: trainable.map((w) => ({ name: parameterName(w), sources: w.sources, shape: w.shape })),
    metrics: Object.keys(metrics),
  }
}

/**
 * Compiles an objective, and reads its first parameters and its frozen weights from `source`. Throws as the executor
 * does, code `shape` where a checkpoint tensor does not fit.
 */
export async function createTrainingStep(
  objective: Objective,
  source: TensorSource,
  { executor, threads, ...adamw }: TrainingStepOptions = {},
): Promise<TrainingStep> {
  const training = trainingGraph(objective)
  const runs = executor ?? onnxExecutor({ ...(threads && { threads }), training: true })
  const parameters = new Map<string, Tensor<'f32'>>()
  for (const { name, sources, shape } of training.parameters)
    parameters.set(name, tensor('f32', shape, await joinTensors(source, sources, shape)))
  return new CompiledStep(
    training,
    await runs.compile(training.graph, source),
    parameters,
    new AdamW(parameters, adamw),
  )
}

const gradientName = (name: string) => `gradient ${name}`
const metricName = (name: string) => `metric ${name}`

class CompiledStep implements TrainingStep {
  readonly parameters: ReadonlyMap<string, Tensor<'f32'>>
  readonly #training: TrainingGraph
  readonly #executable: Executable
  readonly #adamw: AdamW
  /** Sums since the last update. */
  #gradients = new Map<string, Float32Array>()
  #weight = 0

  constructor(
    training: TrainingGraph,
    executable: Executable,
    parameters: ReadonlyMap<string, Tensor<'f32'>>,
    adamw: AdamW,
  ) {
    this.#training = training
    this.#executable = executable
    this.parameters = parameters
    this.#adamw = adamw
  }

  async accumulate(inputs: Readonly<Record<string, Tensor>>, layout: BatchLayout): Promise<StepResult> {
    const results = await this.#run(inputs, layout)
    const result = this.#result(results)
    if (!Number.isFinite(result.loss))
      throw new PacelineError(
        'runtime',
        `the loss of this batch is ${result.loss}; nothing was added. Lower the learning rate, or look at the data.`,
      )
    for (const { name } of this.#training.parameters) {
      const gradient = results[gradientName(name)].data as Float32Array
      const sum = this.#gradients.get(name)
      if (sum) for (let i = 0; i < sum.length; i++) sum[i] += gradient[i]
      else this.#gradients.set(name, gradient)
    }
    this.#weight += result.weight
    return result
  }

  async update({ learningRate }: { readonly learningRate: number }): Promise<{ readonly gradientNorm: number }> {
    if (!(this.#weight > 0))
      throw new PacelineError('argument', 'update: no row with a weight was accumulated since the last update')
    const [gradients, weight] = [this.#gradients, this.#weight]
    this.#gradients = new Map()
    this.#weight = 0
    return { gradientNorm: this.#adamw.update(this.parameters, gradients, 1 / weight, learningRate) }
  }

  async evaluate(inputs: Readonly<Record<string, Tensor>>, layout: BatchLayout): Promise<StepResult> {
    return this.#result(await this.#run(inputs, layout, ['loss', 'weight', ...this.#training.metrics.map(metricName)]))
  }

  state(): Map<string, Tensor> {
    const state = new Map<string, Tensor>()
    for (const [key, { shape, data }] of this.#stored()) state.set(key, tensor('f32', shape, data.slice()))
    state.set('updates', tensor('i32', [1], Int32Array.of(this.#adamw.updates)))
    return state
  }

  restore(state: ReadonlyMap<string, Tensor>): void {
    const stored = [...this.#stored()]
    for (const [key, { dtype, shape }] of [...stored, ['updates', { dtype: 'i32', shape: [1] }] as const]) {
      const given = state.get(key)
      if (!given || given.dtype !== dtype || `${given.shape}` !== `${shape}`)
        throw new PacelineError(
          'checkpoint',
          `training state: "${key}" is ${given ? `${given.dtype} [${given.shape}]` : 'missing'}, expected ${dtype} [${shape}]`,
        )
    }
    for (const [key, { data }] of stored) data.set(state.get(key)!.data as Float32Array)
    this.#adamw.updates = Number(state.get('updates')!.data[0])
    this.#gradients = new Map()
    this.#weight = 0
  }

  async dispose(): Promise<void> {
    await this.#executable.dispose()
  }

  *#stored(): Iterable<[string, Tensor<'f32'>]> {
    for (const [name, parameter] of this.parameters) {
      const { first, second } = this.#adamw.moments(name)
      yield [`parameter ${name}`, parameter]
      yield [`first moment ${name}`, tensor('f32', parameter.shape, first)]
      yield [`second moment ${name}`, tensor('f32', parameter.shape, second)]
    }
  }

  #run(
    inputs: Readonly<Record<string, Tensor>>,
    { length, parents, ridersFrom }: BatchLayout,
    outputs?: readonly string[],
  ) {
    return this.#executable.run(
      { ...inputs, ...Object.fromEntries(this.parameters) },
      {
        rows: { parents, block: length, ...(ridersFrom !== undefined && { ridersFrom }) },
        ...(outputs && { outputs }),
      },
    )
  }

  #result(results: Record<string, Tensor>): StepResult {
    const scalar = (name: string) => Number(results[name].data[0])
    return {
      loss: scalar('loss'),
      weight: scalar('weight'),
      metrics: Object.fromEntries(this.#training.metrics.map((name) => [name, scalar(metricName(name))])),
    }
  }
}
