import { PacelineError } from '../../errors.ts'
import { policyNames, readPolicy } from '../policies/index.ts'
import type { DrafterFactory, DrafterName, Method } from '../registry.ts'
import { promptLookup } from './prompt-lookup.ts'

/** N-grams have no probabilities that a policy could look at. */
const policies = policyNames({ confident: false })

/** `prompt-lookup[:guesses]` or `prompt-lookup:policy`. */
export const promptLookupMethod: Method = {
  about:
    'continuations of the same tokens earlier in the text; prompt-lookup:10 guesses 10 at a time, ' +
    `prompt-lookup:POLICY as far as one of ${policies.join(', ')} says`,
  takes: ['variant'],
  variants: ['', ...policies.filter((name) => name !== 'constant')],
  read,
}

function read({ name, variant }: DrafterName): DrafterFactory {
  if (variant === undefined) return () => promptLookup()
  if (/^[1-9]\d*$/.test(variant)) return () => promptLookup({ guesses: Number(variant) })
  if (!policies.some((policy) => variant === policy || variant.startsWith(`${policy}-`)))
    throw new PacelineError(
      'argument',
      `drafter "${name}:${variant}": expected a whole number of guesses, such as ${name}:10, or a policy, one of ` +
        `${policies.join(', ')}; the others look at probabilities, which n-grams have none of`,
    )
  const policy = readPolicy({ name, variant }, policies)
  return async (context) =>
    promptLookup({
      policy: await policy({
        context,
        // What a guess costs is the row that checks it.
        guessCosts: () => ({ first: 0, next: 0 }),
        readJson: (file) => context.readJson(undefined, name, file),
      }),
    })
}
