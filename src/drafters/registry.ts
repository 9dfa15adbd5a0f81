import type { Drafter } from '../decoding/index.ts'
import { PacelineError } from '../errors.ts'
import { none } from './none.ts'
import { promptLookup } from './prompt-lookup/prompt-lookup.ts'

/** `name[:variant][=path]` taken apart. */
export interface DrafterName {
  readonly name: string
  readonly variant?: string
  readonly path?: string
}

/** One line per method. */
const drafters: Readonly<Record<string, { readonly about: string; readonly create: (name: DrafterName) => Drafter }>> =
  {
    none: { about: 'plain decoding', create: none },
    'prompt-lookup': {
      about: 'continuations of the same tokens earlier in the text; prompt-lookup:10 guesses 10 at a time',
      create: ({ variant }) => promptLookup(variant === undefined ? {} : { guesses: Number(variant) }),
    },
  }

/** Names and one line about each, for help texts. */
export const drafterNames: readonly (readonly [name: string, about: string])[] = Object.entries(drafters).map(
  ([name, { about }]) => [name, about] as const,
)

/** Makes a drafter from its name, `name[:variant][=path]`. Throws code `argument` for an unknown one. */
export function createDrafter(text: string): Drafter {
  const parsed = parseDrafterName(text)
  if (!Object.hasOwn(drafters, parsed.name))
    throw new PacelineError(
      'argument',
      `there is no drafter "${parsed.name}", expected one of ${Object.keys(drafters).join(', ')}`,
    )
  return drafters[parsed.name].create(parsed)
}

export function parseDrafterName(text: string): DrafterName {
  const [, name, variant, path] = /^([^:=]*)(?::([^=]*))?(?:=(.*))?$/s.exec(text)!
  return { name, ...(variant !== undefined && { variant }), ...(path !== undefined && { path }) }
}
