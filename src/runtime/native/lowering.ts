import { PacelineError } from '../../errors.ts'
import {
  type Graph,
  isWeight,
  type Node,
  type Operations,
  type OpName,
  type TrainingOpName,
  type Value,
} from '../../graph/index.ts'
import { planBuffers, type View, widthOf } from './plan.ts'

/** A program without its weights: a flat list of kernel calls over views of one arena (format: native/src/program.h). */
export interface Program {
  /** Floats per row of the arena. */
  readonly arenaWidth: number
  readonly ops: Int32Array
  readonly constants: Float32Array
  readonly inputs: Int32Array
  readonly outputs: Int32Array
  readonly caches: Int32Array
  readonly tables: readonly RotationTable[]
}

/** cos and sin tables are filled before each run, for the positions in input number `positions`. */
interface RotationTable extends Readonly<Operations['rope']> {
  readonly positions: number
}

type LoweringRule<O extends OpName> = (program: ProgramWriter, node: Node<O>) => void

/** How each operation but those of training becomes a kernel call. Splits, concats and reshapes are views: they need none. */
const loweringRules: { readonly [O in Exclude<OpName, TrainingOpName>]: LoweringRule<O> } = {
  linear(program, { inputs: [x, weight, bias], outputs: [y] }) {
    if (!isWeight(weight) || x.shape.length !== 2)
      throw new PacelineError(
        'unsupported',
        'the native executor takes linear layers over [rows, K] and checkpoint weights',
      )
    program.call(0, program.view(x), program.view(y), program.weight(weight), bias ? program.weight(bias) : -1)
  },

  rmsNorm(program, { inputs: [x, gain], outputs: [y], attributes: { eps } }) {
    const width = x.shape[x.shape.length - 1] as number
    program.call(
      1,
      program.view(x),
      program.view(y),
      program.weight(gain),
      width,
      widthOf(x) / width,
      program.constant(eps),
    )
  },

  rope(program, { inputs: [x, positions], outputs: [y], attributes }) {
    const [, heads, headDim] = x.shape as [string, number, number]
    program.call(2, program.view(x), program.view(y), heads, headDim, program.table(positions, attributes))
  },

  attention(program, { inputs: [q, k, v], outputs: [y], attributes: { cache, scale, window } }) {
    const [, heads, headDim] = q.shape as [string, number, number]
    const views = [q, k, v, y].map((value) => program.view(value))
    program.call(3, ...views, cache!, heads, k.shape[1] as number, headDim, program.constant(scale), window ?? -1)
  },

  siluMul(program, { inputs: [gate, up], outputs: [y] }) {
    program.call(4, program.view(gate), program.view(up), program.view(y), widthOf(y))
  },

  add(program, { inputs: [a, b], outputs: [y] }) {
    program.call(5, program.view(a), program.view(b), program.view(y), widthOf(y))
  },

  argmax(program, { inputs: [x], outputs: [y] }) {
    program.call(6, program.view(x), program.view(y), widthOf(x))
  },

  topK(program, { inputs: [x], outputs: [values, indices], attributes: { k } }) {
    program.call(7, program.view(x), program.view(values), program.view(indices), widthOf(x), k)
  },

  softmax(program, { inputs: [x], outputs: [y] }) {
    program.call(8, program.view(x), program.view(y), widthOf(x))
  },

  logSoftmax(program, { inputs: [x], outputs: [y] }) {
    program.call(9, program.view(x), program.view(y), widthOf(x))
  },

  silu(program, { inputs: [x], outputs: [y] }) {
    program.call(10, program.view(x), program.view(y), widthOf(y))
  },

  split() {},
  concat() {},
  reshape() {},
}

/** Writes a graph as a program. Throws code `unsupported` for what no kernel does. */
export function lower(graph: Graph): Program {
  for (const node of graph.nodes) requireDecoding(node)
  const writer = new ProgramWriter(graph)
  for (const node of graph.nodes) {
    requireRows(node)
    ;(loweringRules[node.op as keyof typeof loweringRules] as LoweringRule<OpName>)(writer, node as Node<OpName>)
    for (const output of node.outputs) writer.wrote(output)
  }
  return writer.finish()
}

/** Training runs elsewhere. */
function requireDecoding({ op, attributes }: Node): void {
  if (!(op in loweringRules) || (op === 'attention' && (attributes as Operations['attention']).cache === null))
    throw new PacelineError(
      'unsupported',
      `the native executor decodes, it does not train: it has no "${op}"${op === 'attention' ? ' without a cache' : ''}; train with ONNX Runtime`,
    )
}

/** Row-wise operations over the last of several dimensions would need one call per group; only rmsNorm has that. */
function requireRows({ op, inputs: [x] }: Node): void {
  const perRow: readonly OpName[] = ['argmax', 'topK', 'softmax', 'logSoftmax']
  if (perRow.includes(op) && x.shape.length !== 2)
    throw new PacelineError('unsupported', `the native executor takes ${op} over [rows, N], got [${x.shape}]`)
}

class ProgramWriter {
  readonly #graph: Graph
  readonly #plan: ReturnType<typeof planBuffers>
  readonly #weights: ReadonlyMap<number, number>
  readonly #ops: number[] = []
  readonly #constants: number[] = []
  readonly #tables: RotationTable[] = []
  /** Value -> number of the call that wrote it. */
  readonly #writtenBy = new Map<number, number>()
  #calls = 0

  constructor(graph: Graph) {
    this.#graph = graph
    this.#plan = planBuffers(graph)
    this.#weights = new Map(graph.weights.map(({ id }, index) => [id, index]))
  }

  call(opcode: number, ...operands: (number | View)[]): void {
    this.#ops.push(opcode)
    for (const operand of operands) {
      if (typeof operand === 'number') this.#ops.push(operand)
      else this.#ops.push(operand.offset, operand.stride, operand.start)
    }
    this.#calls++
  }

  view(value: Value): View {
    return this.#plan.views.get(value.id)!
  }

  weight(value: Value): number {
    return this.#weights.get(value.id)!
  }

  constant(value: number): number {
    const known = this.#constants.indexOf(value)
    return known >= 0 ? known : this.#constants.push(value) - 1
  }

  table(positions: Value, { frequencies, scale }: Operations['rope']): number {
    const input = this.#graph.inputs.findIndex(({ id }) => id === positions.id)
    const known = this.#tables.findIndex(
      (table) =>
        table.positions === input && table.scale === scale && table.frequencies.every((f, i) => f === frequencies[i]),
    )
    return known >= 0 ? known : this.#tables.push({ positions: input, frequencies, scale }) - 1
  }

  wrote(value: Value): void {
    this.#writtenBy.set(value.id, this.#calls - 1)
  }

  finish(): Program {
    const place = (value: Value) => {
      const { offset, stride, start } = this.view(value)
      return [offset, stride, start, widthOf(value), value.dtype === 'i32' ? 1 : 0]
    }
    return {
      arenaWidth: this.#plan.width,
      ops: Int32Array.from(this.#ops),
      constants: Float32Array.from(this.#constants),
      inputs: Int32Array.from(this.#graph.inputs.flatMap(place)),
      outputs: Int32Array.from(
        [...this.#graph.outputs.values()].flatMap((value) => [...place(value), this.#writtenBy.get(value.id) ?? -1]),
      ),
      caches: Int32Array.from(this.#graph.caches.flatMap(({ kvHeads, headDim }) => [kvHeads, headDim])),
      tables: this.#tables,
    }
  }
}
