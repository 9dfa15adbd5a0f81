import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Larger than the largest block that glibc's malloc keeps for reuse (32 MiB): what is freed goes back to the system. */
const slabBytes = 64 << 20
const alignment = 64

/**
 * Memory for packed weights, cut from a few large blocks. Weights live in JavaScript only until the session has copied
 * them; as blocks of their own they would leave the process twice as large for good (see docs/decisions).
 */
export class Slabs {
  #slab = new ArrayBuffer(0)
  #used = 0

  /** A zeroed array of `length` elements. */
  allocate<T>(Type: { new (b: ArrayBuffer, o: number, n: number): T; BYTES_PER_ELEMENT: number }, length: number): T {
    const bytes = Math.ceil((length * Type.BYTES_PER_ELEMENT) / alignment) * alignment
    if (this.#used + bytes > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(Math.max(slabBytes, bytes))
      this.#used = 0
    }
    const view = new Type(this.#slab, this.#used, length)
    this.#used += bytes
    return view
  }
}

/**
 * Collects garbage now rather than at leisure: after a load the slabs are a gigabyte that nothing leads to any more,
 * and V8, which sees only small objects pointing to them, may keep them for minutes.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}
