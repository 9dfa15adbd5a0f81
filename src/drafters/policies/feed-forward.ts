/** A fully connected layer. */
export interface Layer {
  readonly weights: readonly (readonly number[])[] // [outputs, inputs]
  readonly bias: readonly number[] // [outputs]
}

/** The one output of a feed-forward network for `input` [inputs of the first layer]; SiLU between layers. */
export function feedForward(layers: readonly Layer[], input: readonly number[]): number {
  let values = input
  for (const [i, { weights, bias }] of layers.entries()) {
    const sums = weights.map((row, output) => row.reduce((sum, weight, j) => sum + weight * values[j], bias[output]))
    values = i === layers.length - 1 ? sums : sums.map((x) => x * sigmoid(x))
  }
  return values[0]
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}
