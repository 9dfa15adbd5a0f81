import { PacelineError } from '../../errors.ts'
import type { DrafterContext, DraftingModel } from '../context.ts'
import { adaptive, confidence, constant, costAware, heuristic, type Policy } from '../policies/index.ts'
import type { DrafterName, Method } from '../registry.ts'
import { draftModel, draftTop } from './draft-model.ts'

/** The folder in that of the target where its draft model lies, unless the drafter's name says where. */
export const draftFolder = 'draft'

type PolicyFactory = (context: DrafterContext, draft: DraftingModel, name: DrafterName) => Policy | Promise<Policy>

/** Policies by their variant; the first one is meant where there is none. Some take a number: `confidence-0.6`. */
const policies: Readonly<Record<string, (value: number | undefined) => PolicyFactory>> = {
  'cost-aware': () => async (context, draft) => {
    const [target, own] = [await context.costs(), await draft.costs()]
    return costAware({ target, guess: own.rowMs / target.rowMs })
  },
  constant: (guesses) => () => constant(guesses),
  heuristic: (initial) => () => heuristic(initial),
  confidence: (threshold) => () => confidence(threshold),
  adaptive: (initial) => () => adaptive(initial),
}

/** `draft[:policy][=folder]`: speculative sampling with a draft model. */
export const draftMethod: Method = {
  about: `a smaller model guesses; draft:POLICY=FOLDER, POLICY one of ${Object.keys(policies).join(', ')}`,
  takes: ['variant', 'path'],
  variants: Object.keys(policies),
  read(name) {
    const policy = readPolicy(name)
    return async (context) => {
      const draft = await context.openModel(name.path, draftFolder, { top: draftTop })
      return draftModel(draft.model, await policy(context, draft, name))
    }
  },
}

/** `constant`, or with its number `constant-7`. */
function readPolicy({ name, variant = Object.keys(policies)[0] }: DrafterName): PolicyFactory {
  const [, word, digits] = /^(.+?)(?:-(\d+(?:\.\d+)?))?$/.exec(variant) ?? []
  if (word === undefined || !Object.hasOwn(policies, word))
    throw new PacelineError(
      'argument',
      `drafter "${name}:${variant}": there is no policy "${variant}", expected one of ${Object.keys(policies).join(', ')}`,
    )
  const value = digits === undefined ? undefined : Number(digits)
  const whole = word === 'constant' || word === 'heuristic'
  if (value !== undefined && (word === 'cost-aware' || (whole ? !(Number.isInteger(value) && value >= 1) : value > 1)))
    throw new PacelineError(
      'argument',
      `drafter "${name}:${variant}": ${word === 'cost-aware' ? 'cost-aware takes no number' : whole ? `expected a whole number of guesses, such as ${word}-5` : `expected a threshold from 0 to 1, such as ${word}-0.4`}`,
    )
  return policies[word](value)
}
