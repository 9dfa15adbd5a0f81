import type { EagleKind } from '../../checkpoint/index.ts'
import type { Awaitable } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import type { Method } from '../registry.ts'
import { commonTop } from '../trees/children.ts'
import { dynamicTree } from './dynamic-tree.ts'
import { eagle } from './eagle.ts'
import type { Growth } from './growth.ts'
import { payingGrowth } from './paying-growth.ts'
import { payingStaticGrowth, staticGrowth } from './static-growth.ts'
import { publishedPaths, shapeOf } from './static-tree.ts'
import type { TreeCosts } from './tree-costs.ts'

/** Folders in that of the target where its heads lie, unless a drafter's name says where. */
export const eagleFolders: Readonly<Record<EagleKind, string>> = { eagle: 'eagle', eagle3: 'eagle3' }

/** Children of a node that trees without sizes of their own look at. */
const commonWidth = 10

/** A way to grow trees, and how wide; what passes cost is asked for where it matters. */
interface GrowthKind {
  readonly width: number
  make(costs: () => Promise<TreeCosts>): Awaitable<Growth>
}

const published = shapeOf(publishedPaths)

/** `eagle[:full|:N][=folder]`: the published tree, cut to what pays; all of it; or its first N guesses. */
export const eagleMethod = methodOf({
  kind: 'eagle',
  about: 'a head of one layer guesses from the states of the target, a static tree; eagle:N=FOLDER: N guesses, or full',
  variants: ['full'],
  read({ name, variant }) {
    const width = commonWidth
    if (variant === undefined) return { width, make: async (costs) => payingStaticGrowth(published, await costs()) }
    if (variant === 'full') return { width, make: () => staticGrowth(published) }
    const size = /^[1-9]\d*$/.test(variant) ? Number(variant) : Number.NaN
    if (!(size < published.length))
      throw new PacelineError(
        'argument',
        `drafter "${name}:${variant}": expected full, or a number of guesses from 1 to ${published.length - 1}, such as ${name}:8`,
      )
    return { width, make: () => staticGrowth(published, size) }
  },
})

/** `eagle2[:M-D-K][=folder]`: trees that grow where the head is sure, of what size pays or of the published one. */
export const eagle2Method = dynamicMethod('eagle', '60-6-10', 'as eagle, a tree that grows where the head is sure')
export const eagle3Method = dynamicMethod('eagle3', '60-7-10', 'as eagle2, a head that reads several layers')

function dynamicMethod(kind: EagleKind, sizes: string, what: string): Method {
  return methodOf({
    kind,
    about: `${what}; :M-D-K: rows of a pass, depth, children, such as ${sizes}`,
    variants: [sizes],
    read({ name, variant }) {
      if (variant === undefined) return { width: commonWidth, make: async (costs) => payingGrowth(await costs()) }
      const [, rows, depth, width] = (/^([1-9]\d*)-([1-9]\d*)-([1-9]\d*)$/.exec(variant) ?? []).map(Number)
      if (rows === undefined || rows < 2)
        throw new PacelineError(
          'argument',
          `drafter "${name}:${variant}": expected rows of a pass (at least 2), depth and children of a node, such as ${name}:${sizes}`,
        )
      return { width, make: () => dynamicTree({ rows, depth, width }) }
    },
  })
}

interface EagleMethod {
  readonly kind: EagleKind
  readonly about: string
  readonly variants: readonly string[]
  read(name: { readonly name: string; readonly variant?: string }): GrowthKind
}

function methodOf({ kind, about, variants, read }: EagleMethod): Method {
  return {
    about,
    takes: ['variant', 'path'],
    variants: ['', ...variants],
    read({ name, variant, path }) {
      const { width, make } = read({ name, ...(variant !== undefined && { variant }) })
      return async (context) => {
        const top = Math.max(commonTop, width)
        const { model, costs } = await context.openEagleHead(path, eagleFolders[kind], { kind, top })
        const growth = await make(async () => ({ target: await context.costs(), head: await costs() }))
        return eagle(variant === undefined ? name : `${name}:${variant}`, model, growth)
      }
    },
  }
}
