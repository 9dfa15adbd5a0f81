import { PacelineError } from '../../errors.ts'
import type { Graph, OpName, Value } from '../../graph/index.ts'
import { isWeight } from '../../graph/index.ts'

/** Where a value lies in the arena, per row of the run: `offset` floats in front of its buffer, then its place in it. */
export interface View {
  /** Floats per row in front of the buffer. */
  readonly offset: number
  /** Floats from one row of the buffer to the next. */
  readonly stride: number
  /** First column. */
  readonly start: number
}

/** Memory for all values of a graph: a view for each, and the width of the arena in floats per row. */
export interface Plan {
  readonly views: ReadonlyMap<number, View>
  readonly width: number
}

/** Buffers begin on cache lines. */
const lineFloats = 16

interface Buffer {
  readonly width: number
  /** Index of the node that writes it first, and of the last that reads it. */
  readonly from: number
  to: number
  offset: number
}

/**
 * Gives every value a place, so that values that live at the same time never overlap. Splits and reshapes are views of
 * what they cut, and the parts of a concat are written where they are joined: all of these cost nothing. Inputs live from
 * the start, outputs to the end. Throws code `unsupported` for a concat of what cannot be written there.
 */
export function planBuffers(graph: Graph): Plan {
  const buffers: Buffer[] = []
  const places = new Map<number, { buffer: Buffer; start: number }>()
  const parts = partsOfConcats(graph)
  const open = (value: Value, node: number) => {
    const place = { buffer: { width: widthOf(value), from: node, to: node, offset: 0 }, start: 0 }
    buffers.push(place.buffer)
    places.set(value.id, place)
    return place
  }
  const create = (value: Value, node: number) => {
    const part = parts.get(value.id)
    if (!part) return void open(value, node)
    // The part that is written first makes the buffer for all of them.
    const { buffer } = places.get(part.whole.id) ?? open(part.whole, node)
    places.set(value.id, { buffer, start: part.start })
  }

  for (const input of graph.inputs) create(input, -1)
  graph.nodes.forEach(({ op, inputs, outputs }, index) => {
    for (const input of inputs) if (!isWeight(input)) places.get(input.id)!.buffer.to = index
    if (op === 'reshape') places.set(outputs[0].id, places.get(inputs[0].id)!)
    else if (op === 'split') {
      let { buffer, start } = places.get(inputs[0].id)!
      for (const output of outputs) {
        places.set(output.id, { buffer, start })
        start += widthOf(output)
      }
    } else if (op !== 'concat') for (const output of outputs) create(output, index)
  })
  for (const output of graph.outputs.values()) places.get(output.id)!.buffer.to = graph.nodes.length

  const width = packBuffers(buffers)
  const views = new Map(
    [...places].map(([id, { buffer, start }]) => [id, { offset: buffer.offset, stride: buffer.width, start }] as const),
  )
  return { views, width }
}

/** Operations that no kernel computes: their results are views. */
const viewOperations: readonly OpName[] = ['split', 'concat', 'reshape']

/** For each value that is joined with others: with what, and its first column there. */
function partsOfConcats({ nodes }: Graph): ReadonlyMap<number, { readonly whole: Value; readonly start: number }> {
  const written = new Set<number>()
  const parts = new Map<number, { whole: Value; start: number }>()
  for (const { op, inputs, outputs } of nodes) {
    if (!viewOperations.includes(op)) for (const output of outputs) written.add(output.id)
    if (op !== 'concat') continue
    let start = 0
    inputs.forEach((part, i) => {
      if (part.shape.length !== 2)
        throw new PacelineError('unsupported', `the native executor concatenates [rows, N], got [${part.shape}]`)
      if (!written.has(part.id) || parts.has(part.id))
        throw new PacelineError(
          'unsupported',
          `the native executor writes the parts of a concat side by side: part ${i} of [${outputs[0].shape}] must be the result of an operation (not an input, a split, a reshape or a concat) and part of this concat alone, once`,
        )
      parts.set(part.id, { whole: outputs[0], start })
      start += widthOf(part)
    })
  }
  return parts
}

/** Floats of one row of a value. */
export function widthOf({ shape }: Value): number {
  return shape.slice(1).reduce<number>((product, size) => product * (size as number), 1)
}

/** First fit: each buffer goes to the lowest gap among those that live at the same time. Returns the arena's width. */
function packBuffers(buffers: readonly Buffer[]): number {
  const placed: Buffer[] = []
  for (const buffer of buffers) {
    const alive = placed
      .filter(({ from, to }) => from <= buffer.to && buffer.from <= to)
      .sort((a, b) => a.offset - b.offset)
    let offset = 0
    for (const other of alive) {
      if (offset + aligned(buffer.width) <= other.offset) break
      offset = Math.max(offset, other.offset + aligned(other.width))
    }
    buffer.offset = offset
    placed.push(buffer)
  }
  return placed.reduce((end, { offset, width }) => Math.max(end, offset + aligned(width)), 0)
}

const aligned = (width: number) => Math.ceil(width / lineFloats) * lineFloats
