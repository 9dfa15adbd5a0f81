/**
 * Pearson's chi-square statistic against its critical value at 5 sigma (Wilson-Hilferty), about one false alarm in
 * three million. Cells with an expectation below 5 are counted together.
 */
export function fits(observed: number[], probabilities: ArrayLike<number>): boolean {
  const total = observed.reduce((a, b) => a + b)
  const cells: [number, number][] = []
  const rare: [number, number] = [0, 0]
  if (observed.some((count, i) => count > 0 && probabilities[i] === 0)) return false
  observed.forEach((count, i) => {
    const expected = total * probabilities[i]
    if (expected >= 5) cells.push([count, expected])
    else {
      rare[0] += count
      rare[1] += expected
    }
  })
  if (rare[1] >= 5) cells.push(rare)
  else if (rare[0] > 30) return false
  const statistic = cells.reduce((sum, [count, expected]) => sum + (count - expected) ** 2 / expected, 0)
  const spread = 2 / (9 * (cells.length - 1))
  return statistic <= (cells.length - 1) * (1 - spread + 5 * Math.sqrt(spread)) ** 3
}

/** How often each of `size` values is drawn. */
export function tally(size: number, draws: number, draw: (i: number) => number): number[] {
  const counts = new Array<number>(size).fill(0)
  for (let i = 0; i < draws; i++) counts[draw(i)]++
  return counts
}
