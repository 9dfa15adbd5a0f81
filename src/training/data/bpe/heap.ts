/** Pairs by count, the largest first; of equal counts the lowest pair. A binary heap. */
export class PairHeap {
  private readonly pairs: number[] = []
  private readonly counts: number[] = []

  push(pair: number, count: number): void {
    let at = this.pairs.length
    this.pairs.push(pair)
    this.counts.push(count)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(at, parent)) break
      this.swap(at, parent)
      at = parent
    }
  }

  pop(): { pair: number; count: number } | undefined {
    if (this.pairs.length === 0) return undefined
    this.swap(0, this.pairs.length - 1)
    const pair = this.pairs.pop()!
    const count = this.counts.pop()!
    for (let at = 0; ; ) {
      let first = at
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.pairs.length && this.before(child, first)) first = child
      if (first === at) return { pair, count }
      this.swap(at, first)
      at = first
    }
  }

  private before(a: number, b: number): boolean {
    return this.counts[a] === this.counts[b] ? this.pairs[a] < this.pairs[b] : this.counts[a] > this.counts[b]
  }

  private swap(a: number, b: number): void {
    ;[this.pairs[a], this.pairs[b]] = [this.pairs[b], this.pairs[a]]
    ;[this.counts[a], this.counts[b]] = [this.counts[b], this.counts[a]]
  }
}
