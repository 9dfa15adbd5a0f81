/**
 * How often each key occurs, for keys far too many for a `Map`: sorted once, then found by bisection. A key is an n-gram
 * as one number, context * vocabSize + token, so that the tokens seen after a context lie side by side.
 */
export class NgramCounts {
  /** Ascending. */
  private readonly keys: Float64Array
  /** Occurrences of all keys before this one. [keys + 1] */
  private readonly before: Float64Array

  constructor(occurrences: Float64Array) {
    const sorted = occurrences.slice().sort()
    const keys = new Float64Array(sorted.length)
    const before = new Float64Array(sorted.length + 1)
    let distinct = 0
    for (let i = 0; i < sorted.length; i++) {
      if (i === 0 || sorted[i] !== sorted[i - 1]) {
        keys[distinct] = sorted[i]
        before[distinct++] = i
      }
    }
    before[distinct] = sorted.length
    this.keys = keys.slice(0, distinct)
    this.before = before.slice(0, distinct + 1)
  }

  /** Occurrences and distinct keys from `low` up to, not including, `high`. */
  range(low: number, high: number): { total: number; distinct: number } {
    const from = this.firstFrom(low)
    const end = this.firstFrom(high)
    return { total: this.before[end] - this.before[from], distinct: end - from }
  }

  private firstFrom(key: number): number {
    let low = 0
    let high = this.keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.keys[middle] < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
