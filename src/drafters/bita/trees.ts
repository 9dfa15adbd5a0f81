import type { ShapeNode } from '../trees/shape.ts'

/** Guesses of a step, and the masks that tell the guesses of the next one. */
export interface BitaShape {
  /** The root first, parents before children. */
  readonly nodes: readonly ShapeNode[]
  /** Of each node, how many masks ride behind it. */
  readonly masks: readonly number[]
}

/** A way to choose the shape of the next step: pure but for what it learns from outcomes, which lasts from text to text. */
export interface BitaTree {
  /** Of at most `rows` nodes and masks together, no node deeper than `levels`, the depths that there are guesses for. */
  choose(levels: number, rows: number): BitaShape
  /**
   * What the target made of guesses: of each token that it emitted, as far as there were guesses for its depth, the rank
   * that it had among them, -1 where it had none.
   */
  observe?(ranks: readonly number[]): void
}

/** Children of the root in the published tree. */
export const publishedWidth = 5

/**
 * The published comb (Lin et al. 2024, section 3.3): `width` guesses for the first token, one less for each further one, which
 * all stand behind the likeliest of the level above; all masks behind every row.
 */
export function comb(maskCount: number, width: number = publishedWidth): BitaTree {
  const nodes: ShapeNode[] = [{ parent: -1, rank: 0, depth: 0 }]
  for (let depth = 1, parent = 0; depth <= maskCount && depth <= width; depth++) {
    const first = nodes.length
    for (let rank = 0; rank <= width - depth; rank++) nodes.push({ parent, rank, depth })
    parent = first
  }
  return {
    choose(levels, rows) {
      const within = nodes.filter(({ depth }) => depth <= levels)
      return cut({ nodes: within, masks: within.map(() => maskCount) }, rows)
    },
  }
}

/** The shape in so many rows: guesses, which are needed now, go before masks. */
export function cut({ nodes, masks }: BitaShape, rows: number): BitaShape {
  const kept = nodes.slice(0, rows)
  let left = rows - kept.length
  return {
    nodes: kept,
    masks: kept.map((_, node) => {
      const count = Math.min(masks[node], left)
      left -= count
      return count
    }),
  }
}
