/** An outcome of a draw: how often it was seen, and how likely it is. */
export interface Cell {
  readonly count: number
  readonly probability: number
}

export interface GTest {
  readonly statistic: number
  /** Degrees of freedom; 0 where all outcomes had to be counted as one, and nothing was tested. */
  readonly degrees: number
  /** The chance of a statistic at least as large, were the probabilities right. 0 where the impossible was seen. */
  readonly p: number
}

/** Outcomes that are expected less often are counted together: the statistic's distribution holds for no fewer. */
export const leastExpected = 5

/**
 * The G-test of goodness of fit: G = 2 sum O ln(O / E) over outcomes seen O times and expected E times, which is
 * distributed as chi-square (Wilks 1938), with the correction of Williams 1976 for small numbers. The probabilities of
 * all cells sum to 1.
 */
export function gTest(cells: readonly Cell[]): GTest {
  if (cells.some(({ count, probability }) => count > 0 && !(probability > 0)))
    return { statistic: Number.POSITIVE_INFINITY, degrees: 1, p: 0 }
  const samples = cells.reduce((sum, { count }) => sum + count, 0)
  const merged = merge(cells, samples)
  const degrees = merged.length - 1
  if (degrees < 1) return { statistic: 0, degrees: 0, p: 1 }
  let [sum, inverse] = [0, 0]
  for (const { count, probability } of merged) {
    if (count > 0) sum += 2 * count * Math.log(count / (samples * probability))
    inverse += 1 / probability
  }
  const statistic = Math.max(0, sum / (1 + (inverse - 1) / (6 * samples * degrees)))
  return { statistic, degrees, p: chiSquareTail(statistic, degrees) }
}

/** Cells that are each expected often enough; the rare ones are one, with the rarest of the others where they must. */
function merge(cells: readonly Cell[], samples: number): Cell[] {
  const sorted = [...cells].sort((a, b) => b.probability - a.probability)
  const kept = sorted.filter(({ probability }) => samples * probability >= leastExpected)
  let rest = together(sorted.slice(kept.length))
  while (rest.probability > 0 && samples * rest.probability < leastExpected && kept.length > 0)
    rest = together([rest, kept.pop()!])
  return rest.probability > 0 ? [...kept, rest] : kept
}

function together(cells: readonly Cell[]): Cell {
  return cells.reduce(
    (sum, { count, probability }) => ({ count: sum.count + count, probability: sum.probability + probability }),
    { count: 0, probability: 0 },
  )
}

/** The chance that a chi-square variable of so many degrees of freedom exceeds `x`. */
export function chiSquareTail(x: number, degrees: number): number {
  return x <= 0 ? 1 : upperGamma(degrees / 2, x / 2)
}

/**
 * The regularised upper incomplete gamma function Q(a, x) of a whole or half number a: by its series below a + 1, by its
 * continued fraction (in Lentz's form) from there on, where the series would cancel.
 */
function upperGamma(a: number, x: number): number {
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a))
  if (x < a + 1) {
    let [term, sum] = [1 / a, 1 / a]
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= x / (a + n)
      sum += term
    }
    return Math.max(0, 1 - scale * sum)
  }
  let b = x + 1 - a
  let c = Number.POSITIVE_INFINITY
  let d = 1 / b
  let fraction = d
  for (let n = 1; n < 10_000; n++) {
    const an = n * (a - n)
    b += 2
    d = 1 / (b + an * d)
    c = b + an / c
    fraction *= c * d
    if (Math.abs(c * d - 1) < 1e-15) break
  }
  return scale * fraction
}

/** ln of the gamma function of a whole or half number: down to 1 or 1/2 by its recurrence. */
function logGamma(a: number): number {
  const whole = Number.isInteger(a)
  let sum = whole ? 0 : Math.log(Math.PI) / 2
  for (let at = whole ? 1 : 0.5; at < a; at++) sum += Math.log(at)
  return sum
}
