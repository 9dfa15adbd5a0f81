import { PacelineError } from '../errors.ts'
import type { Precision } from '../graph/index.ts'

/*
 * Which linear weights take which precision. Some matrices suffer from 4 bits more than others; a recipe names those that
 * `int4` keeps at 8. A folder's own recipe stands in its paceline.json:
 *   { "quantisation": { "int4": { "keep8": ["lm_head.weight", "model.layers.0.*", "*.self_attn.*"] } } }
 */

/** How a model's linear weights are kept: all alike, or, with `int4`, as its recipe says. `int4-pure` has none. */
export type Dtype = Precision | 'int4-pure'

export const dtypes = ['f32', 'int8', 'int4', 'int4-pure'] as const satisfies readonly Dtype[]

export interface Recipe {
  /**
   * Tensor names that `int4` keeps at 8 bits; * stands for any characters. The head's name is `lm_head.weight`, also
   * where it is the embedding table. A product of several tensors (q, k and v; gate and up) is kept whole when one is.
   */
  readonly keep8: readonly string[]
}

/**
 * Attention's projections: the part of a model where 8 bits buy the most per byte (docs/decisions/0009). In models of
 * grouped queries they are a small share of the weights.
 */
export const defaultRecipe: Recipe = { keep8: ['*.self_attn.*'] }

/** The precision of a linear weight, by the name of its tensor, or of any of those that make one product with it. */
export function precisionOf(tensor: string, dtype: Dtype, recipe: Recipe = defaultRecipe): Precision {
  if (dtype === 'int4-pure') return 'int4'
  if (dtype !== 'int4') return dtype
  const names = product(tensor)
  return recipe.keep8.some((pattern) => names.some((name) => matches(pattern, name))) ? 'int8' : 'int4'
}

/** The recipe in the content of a paceline.json; `undefined` where it has none. Throws code `format`. */
export function parseRecipe(json: unknown): Recipe | undefined {
  const quantisation = field(json, 'quantisation', 'paceline.json')
  const int4 = field(quantisation, 'int4', 'paceline.json: quantisation')
  const keep8 = field(int4, 'keep8', 'paceline.json: quantisation.int4')
  if (keep8 === undefined) return undefined
  if (!(Array.isArray(keep8) && keep8.every((name) => typeof name === 'string' && name !== '')))
    throw new PacelineError(
      'format',
      `paceline.json: quantisation.int4.keep8 is ${JSON.stringify(keep8)}, expected a list of tensor names such as ` +
        '"lm_head.weight" or "model.layers.0.*".',
    )
  return { keep8 }
}

const products = [
  ['q_proj', 'k_proj', 'v_proj'],
  ['gate_proj', 'up_proj'],
]

/** Names of the tensors that make one product with this one, itself included. */
function product(tensor: string): string[] {
  const parts = tensor.split('.')
  const projection = parts[parts.length - 2]
  const siblings = products.find((names) => names.includes(projection)) ?? [projection]
  return siblings.map((name) => [...parts.slice(0, -2), name, ...parts.slice(-1)].join('.'))
}

function matches(pattern: string, name: string): boolean {
  const literal = pattern.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${literal.join('.*')}$`, 's').test(name)
}

function field(json: unknown, name: string, where: string): unknown {
  if (json === undefined) return undefined
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new PacelineError('format', `${where}: expected a JSON object, got ${JSON.stringify(json)}.`)
  return (json as Record<string, unknown>)[name]
}
