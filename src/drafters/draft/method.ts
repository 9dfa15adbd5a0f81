import { policyNames, readPolicy } from '../policies/index.ts'
import type { Method } from '../registry.ts'
import { draftModel, draftTop } from './draft-model.ts'

/** The folder in that of the target where its draft model lies, unless the drafter's name says where. */
export const draftFolder = 'draft'

/** The first one is meant where a name has none. */
const policies = policyNames({ confident: true })

/** `draft[:policy][=folder]`: speculative sampling with a draft model. */
export const draftMethod: Method = {
  about: `a smaller model guesses; draft:POLICY=FOLDER, POLICY one of ${policies.join(', ')}`,
  takes: ['variant', 'path'],
  variants: policies,
  read({ name, variant = policies[0], path }) {
    const policy = readPolicy({ name, variant }, policies)
    return async (context) => {
      const { model, guessCosts } = await context.openModel(path, draftFolder, { top: draftTop })
      const made = await policy({
        context,
        guessCosts,
        readJson: (file) => context.readJson(path, draftFolder, file),
      })
      return draftModel(model, made, { vocabSize: context.target.spec.vocabSize })
    }
  },
}
