const binsPerUnit = 32
const binCount = 1024

/** Candidates this few are sorted outright. */
const fewEnough = 256

const lowestFloat = -3.4028234663852886e38

const centreWeights = Float64Array.from({ length: binCount }, (_, i) => Math.exp(-(i + 0.5) / binsPerUnit))

/**
 * exp(-x) for x >= 0, several times faster than Math.exp: the nearest tabulated value times the cubic Taylor polynomial
 * of the rest r, |r| <= 1/64. Relative error below 3e-9, less than rounding the probability to f32.
 */
export function expMinus(x: number): number {
  const i = (x * binsPerUnit) | 0
  if (!(x * binsPerUnit < binCount)) return Math.exp(-x)
  const r = x - (i + 0.5) / binsPerUnit
  return centreWeights[i] * (1 - r * (1 - r * (1 / 2 - r / 6)))
}

/**
 * Top-p: the last token of the shortest head of `candidates` (ids, in order "larger logit first, then lower id") whose
 * softmax probabilities at `temperature`, relative to all candidates, sum to at least `topP`; one token at least.
 * `max` is the largest logit. Destroys `candidates`, which must come in ascending order of id.
 *
 * Selection instead of sorting: spread the candidates over bins by logit, find the bin where the running sum of the
 * weights gets there, and go on with the members of that bin alone.
 */
export function nucleus(
  logits: Float32Array,
  max: number,
  temperature: number,
  topP: number,
  candidates: Int32Array,
): number {
  const bins = new Float64Array(binCount)
  let count = candidates.length
  let sum = 0
  let target: number | undefined
  // The first bins span all that has any weight to speak of; whatever lies below falls into the last.
  let high = max
  let low = max - (temperature * binCount) / binsPerUnit
  do {
    // Finite even for logits of -Infinity, which then fall into the last bin.
    const scale = binCount / (high - Math.max(low, lowestFloat))
    bins.fill(0)
    for (let i = 0; i < count; i++) {
      const logit = logits[candidates[i]]
      bins[binOf((high - logit) * scale)] += expMinus((max - logit) / temperature)
    }
    target ??= topP * bins.reduce((a, b) => a + b)
    let crossing = 0
    while (crossing < binCount - 1 && sum + bins[crossing] < target) sum += bins[crossing++]

    let members = 0
    let highest = -Infinity
    let lowest = Infinity
    for (let i = 0; i < count; i++) {
      const logit = logits[candidates[i]]
      if (binOf((high - logit) * scale) !== crossing) continue
      candidates[members++] = candidates[i]
      highest = Math.max(highest, logit)
      lowest = Math.min(lowest, logit)
    }
    count = members
    high = highest
    low = lowest
  } while (count > fewEnough && high > low)

  const rest = candidates.subarray(0, count)
  if (high > low) rest.sort((a, b) => logits[b] - logits[a] || a - b)
  const weigh = (token: number) => expMinus((max - logits[token]) / temperature)
  let end = 0
  while (end < count - 1 && sum + weigh(rest[end]) < target) sum += weigh(rest[end++])
  return rest[end]
}

function binOf(x: number): number {
  // NaN (all candidates equal: 0 * Infinity) becomes bin 0.
  return x < binCount ? x | 0 : x > 0 ? binCount - 1 : 0
}
