import { float16Bits, float16Value } from './convert.ts'

/*
 * The scale of a group of 4-bit weights. For given steps q_i, from -8 to 7, the squared error of a scale s is a parabola,
 *   E(s) = sum(w^2) - 2 s sum(w q) + s^2 sum(q^2),
 * with its minimum at s = sum(w q) / sum(q^2). So each trial scale rounds the group to steps, these steps choose the
 * scale that suits them best, and the trial with the lowest parabola wins. To round the weights once more with the scale
 * found, as quantisation then does, can only lower the error.
 */

/** The plain choice: the extreme lies 8 steps from zero, which is the whole range. */
const whole = 8
/** The extreme is cut to 8 steps of 9, and all other weights get finer steps: pays in most groups of 128. */
const cut = 9
/** There is no eighth step on the other side: tried instead where both ends lie as far out. */
const symmetric = 7

/**
 * The f16 bit pattern of a scale for the weights `start` to `end - 1`, which lie between `low` and `high`. Their squared
 * error is never above that of the plain choice, extreme / -8 in f16, but for the last bits of the sums.
 * A plain choice beyond f16 (infinite) or below it (zero) is returned as it is.
 */
export function int4Scale(weights: Float32Array, start: number, end: number, low: number, high: number): number {
  const [extreme, opposite] = high > -low ? [high, low] : [low, high]
  const plain = float16Bits(extreme / -whole)
  const plainScale = float16Value(plain)
  if (plainScale === 0 || !Number.isFinite(plainScale)) return plain

  let best = plain
  let lowest = Number.POSITIVE_INFINITY
  const tryScale = (scale: number) => {
    const { wq, qq } = project(weights, start, end, scale)
    const bits = float16Bits(wq / qq)
    const s = float16Value(bits)
    const error = s * (s * qq - 2 * wq) // sum(w^2) is the same for all
    if (error < lowest) {
      lowest = error
      best = bits
    }
  }
  const bothEnds = whole * Math.abs(opposite) > (whole - 0.5) * Math.abs(extreme)
  tryScale(plainScale)
  tryScale(extreme / -(bothEnds ? symmetric : cut))
  if (opposite === -extreme) tryScale(-plainScale)
  return best
}

/** 1.5 * 2^52: adding and subtracting it rounds to an integer, ties to even. */
const rounder = 6755399441055744

const sums = { wq: 0, qq: 0 }

/** sum(w q) and sum(q^2) of the weights, rounded to steps of `scale`; the same object at every call. */
function project(weights: Float32Array, start: number, end: number, scale: number): typeof sums {
  const perUnit = 1 / scale
  let wq = 0
  let qq = 0
  for (let i = start; i < end; i++) {
    const w = weights[i]
    let q = w * perUnit + rounder - rounder
    if (q > 7) q = 7
    else if (q < -8) q = -8
    wq += w * q
    qq += q * q
  }
  sums.wq = wq
  sums.qq = qq
  return sums
}
