import type { Value } from '../graph/index.ts'
import { type LayerContext, project } from './layers.ts'

/**
 * The residual blocks of a Medusa head (Cai et al. 2024, section 2.1), one after another: x + silu(W x + b), [.., width].
 * `names` are those of their tensors, up to the dot. Blocks whose weights are 0 leave x as it is.
 */
export function residualBlocks(
  context: Pick<LayerContext, 'g' | 'precision'>,
  x: Value,
  names: readonly string[],
  bias: boolean,
): Value {
  const { g } = context
  const width = x.shape[x.shape.length - 1] as number
  return names.reduce((state, name) => g.add(state, g.silu(project(context, state, [name], [width], bias))), x)
}
