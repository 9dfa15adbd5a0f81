import type { EagleKind } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import type { Method } from '../registry.ts'
import { type DynamicTreeSizes, dynamicTree } from './dynamic-tree.ts'
import { eagle } from './eagle.ts'

/** Likeliest tokens that heads are opened with, unless a name asks for wider trees. */
export const eagleTop = 10

/** Folders in that of the target where its heads lie, unless a drafter's name says where. */
export const eagleFolders: Readonly<Record<EagleKind, string>> = { eagle: 'eagle', eagle3: 'eagle3' }

/** `eagle2[:M-D-K][=folder]` and `eagle3[:M-D-K][=folder]`: trees that grow where the head is sure. */
function dynamicMethod(method: string, kind: EagleKind, published: string, about: string): Method {
  return {
    about,
    takes: ['variant', 'path'],
    variants: [published],
    read({ name, variant = published, path }) {
      const sizes = readSizes(name, variant, published)
      return async (context) => {
        const { model } = await context.openEagleHead(path, eagleFolders[kind], {
          kind,
          top: Math.max(eagleTop, sizes.width),
        })
        return eagle(`${method}:${variant}`, model, dynamicTree(sizes))
      }
    },
  }
}

function readSizes(name: string, variant: string, published: string): DynamicTreeSizes {
  const [, rows, depth, width] = (/^([1-9]\d*)-([1-9]\d*)-([1-9]\d*)$/.exec(variant) ?? []).map(Number)
  if (rows === undefined || rows < 2)
    throw new PacelineError(
      'argument',
      `drafter "${name}:${variant}": expected rows of a pass (at least 2), depth and children of a node, such as ${name}:${published}`,
    )
  return { rows, depth, width }
}

export const eagle2Method = dynamicMethod('eagle2', 'eagle', '60-6-10', 'as eagle')
export const eagle3Method = dynamicMethod('eagle3', 'eagle3', '60-7-10', 'as eagle')
