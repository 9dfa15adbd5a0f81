import type { RowOutputs, Want } from '../model/index.ts'

/**
 * Hidden states of the target that a drafter reads: `features`, what enters the LM head, or outputs of layers (from 0),
 * put beside one another in this order. A layer may be named more than once.
 */
export type TargetStates = 'features' | readonly number[]

/** What a pass has to be asked for so that `statesOf` can be read from it. */
export function wantOf(states: TargetStates | undefined): Pick<Want, 'features' | 'taps'> {
  if (states === undefined) return {}
  return states === 'features' ? { features: true } : { taps: [...new Set(states)] }
}

/** The states of these rows of a pass, one after the other: [rows, hidden] or [rows, layers * hidden]. All unless given. */
export function statesOf(
  states: TargetStates,
  { features, taps }: RowOutputs,
  hiddenSize: number,
  rows?: readonly number[],
): Float32Array {
  const asked: readonly number[] = states === 'features' ? [] : [...new Set(states)]
  const parts = states === 'features' ? [features!] : states.map((layer) => taps![asked.indexOf(layer)])
  const picked = rows ?? Array.from({ length: parts[0].length / hiddenSize }, (_, row) => row)
  const beside = new Float32Array(picked.length * parts.length * hiddenSize)
  for (const [i, row] of picked.entries())
    for (const [j, part] of parts.entries())
      beside.set(part.subarray(row * hiddenSize, (row + 1) * hiddenSize), (i * parts.length + j) * hiddenSize)
  return beside
}

export function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
