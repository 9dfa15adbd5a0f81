/**
 * The largest numbers of those that were added, falling, with the node that each belongs to; the earlier one first among equals.
 * Its room is made once, since a step of decoding has no time for memory.
 */
export class Falling {
  readonly values: Float64Array
  readonly nodes: Int32Array
  #length = 0

  constructor(most: number) {
    this.values = new Float64Array(most)
    this.nodes = new Int32Array(most)
  }

  get length(): number {
    return this.#length
  }

  add(value: number, node = 0): void {
    const { values, nodes } = this
    let at = this.#length
    if (at === values.length) {
      if (!(value > values[at - 1])) return
      at--
    } else this.#length++
    for (; at > 0 && values[at - 1] < value; at--) {
      values[at] = values[at - 1]
      nodes[at] = nodes[at - 1]
    }
    values[at] = value
    nodes[at] = node
  }

  clear(): this {
    this.#length = 0
    return this
  }

  /** Becomes what the other one is, which is no longer. */
  copy({ values, nodes, length }: Falling): this {
    for (let i = 0; i < length; i++) {
      this.values[i] = values[i]
      this.nodes[i] = nodes[i]
    }
    this.#length = length
    return this
  }
}
