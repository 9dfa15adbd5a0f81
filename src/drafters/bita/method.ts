import { PacelineError } from '../../errors.ts'
import type { Method } from '../registry.ts'
import { bita } from './bita.ts'
import { payingTree } from './paying-tree.ts'
import { comb } from './trees.ts'

/** The folder in that of the target where masks and prefix lie, unless a drafter's name says where. */
export const bitaFolder = 'bita'

/** Rows of a pass, at most: more than pay anywhere. */
const mostRows = 64

/** `bita[:comb][=folder]`: guesses and masks that pay by what was seen of them; the published tree. */
export const bitaMethod: Method = {
  about:
    'mask tokens that ride along and tell the next guesses, as many as pay; bita:comb: the published tree, masks behind every row',
  takes: ['variant', 'path'],
  variants: ['', 'comb'],
  read({ name, variant, path }) {
    if (variant !== undefined && variant !== 'comb')
      throw new PacelineError('argument', `drafter "${name}:${variant}": expected ${name} or ${name}:comb`)
    return async (context) => {
      const { riders, maskCount, cost } = await context.openBita(path, bitaFolder)
      const { spec, top } = context.target
      const model = { riders, vocabSize: spec.vocabSize, top }
      if (variant === 'comb') return bita(`${name}:${variant}`, model, comb(maskCount))
      const costs = { target: await context.costs(), masks: await cost() }
      return bita(name, model, payingTree(costs, { maskCount, rows: mostRows }))
    }
  },
}
