import { PacelineError } from '../../errors.ts'
import type { Method } from '../registry.ts'
import { commonTop } from '../trees/children.ts'
import { medusa } from './medusa.ts'
import { expectedTree, payingTree, publishedGuesses } from './trees.ts'

/** The folder in that of the target where its heads lie, unless a drafter's name says where. */
export const medusaFolder = 'medusa'

/** `medusa[:full|:N][=folder]`: the tree that pays by what was seen of the heads; that of 63 guesses, or its first N. */
export const medusaMethod: Method = {
  about:
    'heads that guess one position each from a state of the target, a tree by what they get right; medusa:N: N guesses, or full',
  takes: ['variant', 'path'],
  variants: ['', 'full'],
  read({ name, variant, path }) {
    const size = variant === undefined || variant === 'full' ? publishedGuesses : sizeOf(name, variant)
    return async (context) => {
      const { model, cost } = await context.openMedusaHeads(path, medusaFolder, { top: commonTop })
      const { headCount } = model.spec
      if (variant === undefined) {
        const costs = { target: await context.costs(), heads: await cost() }
        return medusa(name, model, payingTree(headCount, costs))
      }
      return medusa(`${name}:${variant}`, model, expectedTree(headCount, size))
    }
  },
}

function sizeOf(name: string, variant: string): number {
  const size = /^[1-9]\d*$/.test(variant) ? Number(variant) : Number.NaN
  if (!(size <= publishedGuesses))
    throw new PacelineError(
      'argument',
      `drafter "${name}:${variant}": expected full, or a number of guesses from 1 to ${publishedGuesses}, such as ${name}:8`,
    )
  return size
}
