import type { Command } from 'commander'
import type { NewShape } from '../training/index.ts'
import { integer } from './options.ts'

/** The flags that give the shape of a new model. */
export interface ShapeFlags {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly intermediate: number
  readonly untied?: boolean
}

const names = ['width', 'layers', 'heads', 'kvHeads', 'intermediate', 'untied'] as const satisfies (keyof ShapeFlags)[]

export function addShapeOptions(command: Command): Command {
  return command
    .option('--width <n>', 'hidden size', integer(2), 256)
    .option('--layers <n>', 'decoder layers', integer(1), 14)
    .option('--heads <n>', 'attention heads', integer(1), 4)
    .option('--kv-heads <n>', 'key and value heads, a divisor of --heads', integer(1), 2)
    .option('--intermediate <n>', 'inner size of the MLP', integer(1), 704)
    .option('--untied', 'the head has a matrix of its own, not the embedding table')
}

export function shapeOf(flags: ShapeFlags, contextLength: number): NewShape {
  return {
    hiddenSize: flags.width,
    layerCount: flags.layers,
    headCount: flags.heads,
    kvHeadCount: flags.kvHeads,
    intermediateSize: flags.intermediate,
    contextLength,
    tiedEmbeddings: !flags.untied,
  }
}

export const shapeFlagNames: readonly string[] = names
