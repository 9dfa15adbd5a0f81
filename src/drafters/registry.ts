import type { Awaitable, Drafter } from '../decoding/index.ts'
import { PacelineError } from '../errors.ts'
import { bitaMethod } from './bita/method.ts'
import type { DrafterContext } from './context.ts'
import { draftMethod } from './draft/method.ts'
import { eagle2Method, eagle3Method, eagleMethod } from './eagle/method.ts'
import { jacobiMethod } from './jacobi/method.ts'
import { lookaheadMethod } from './lookahead/method.ts'
import { medusaMethod } from './medusa/method.ts'
import { none } from './none.ts'
import { promptLookupMethod } from './prompt-lookup/method.ts'

/** `name[:variant][=path]` taken apart. */
export interface DrafterName {
  readonly name: string
  readonly variant?: string
  readonly path?: string
}

type Part = 'variant' | 'path'

/** Makes a drafter for a target. */
export type DrafterFactory = (context: DrafterContext) => Awaitable<Drafter>

export interface Method {
  readonly about: string
  /** Parts of the name that mean something to this method; others are refused. */
  readonly takes: readonly Part[]
  /** Throws code `argument` for a variant or path that means nothing. */
  read(name: DrafterName): DrafterFactory
  /** Variants that are ways of their own, each with its line in reports; '' is the method alone, which is all unless given. */
  readonly variants?: readonly string[]
}

/** One line per method. */
const drafters: Readonly<Record<string, Method>> = {
  none: { about: 'plain decoding', takes: [], read: () => none },
  'prompt-lookup': promptLookupMethod,
  draft: draftMethod,
  jacobi: jacobiMethod,
  lookahead: lookaheadMethod,
  eagle: eagleMethod,
  eagle2: eagle2Method,
  eagle3: eagle3Method,
  medusa: medusaMethod,
  bita: bitaMethod,
}

/** Names and one line about each, for help texts. */
export const drafterNames: readonly (readonly [name: string, about: string])[] = Object.entries(drafters).map(
  ([name, { about }]) => [name, about] as const,
)

/** Every way of drafting there is, by its name: methods and their variants. */
export const allDrafters: readonly string[] = Object.entries(drafters).flatMap(([name, { variants = [''] }]) =>
  variants.map((variant) => (variant === '' ? name : `${name}:${variant}`)),
)

/**
 * Reads the name of a drafter, `name[:variant][=path]`, into what makes it. Throws code `argument` for an unknown one, and
 * for a variant or a path that the method does not take.
 */
export function readDrafter(text: string): DrafterFactory {
  const parsed = parseDrafterName(text)
  if (!Object.hasOwn(drafters, parsed.name))
    throw new PacelineError(
      'argument',
      `there is no drafter "${parsed.name}", expected one of ${Object.keys(drafters).join(', ')}`,
    )
  const method = drafters[parsed.name]
  for (const part of ['variant', 'path'] as const)
    if (parsed[part] !== undefined && !method.takes.includes(part))
      throw new PacelineError('argument', `drafter "${text}": ${parsed.name} takes no ${part} ("${parsed[part]}")`)
  return method.read(parsed)
}

export function parseDrafterName(text: string): DrafterName {
  const [, name, variant, path] = /^([^:=]*)(?::([^=]*))?(?:=(.*))?$/s.exec(text)!
  return { name, ...(variant !== undefined && { variant }), ...(path !== undefined && { path }) }
}
