import { chain, type Drafter } from '../../decoding/index.ts'
import type { EagleHeadModel } from '../../model/index.ts'
import { Candidates } from './candidates.ts'
import type { Growth } from './growth.ts'
import { HeadText } from './head-text.ts'

/**
 * EAGLE (Li et al. 2024; EAGLE-2, Li et al. 2024; EAGLE-3, Li et al. 2025): a head of one layer goes on from the target's
 * own states and guesses the next state with each token. `growth` says what tree it makes of that. `model` stays the
 * caller's; it must tell of at least `growth.width` likeliest tokens, or all that it knows.
 */
export function eagle(name: string, model: EagleHeadModel, growth: Growth): Drafter {
  let text: HeadText | undefined
  let ends: ReadonlySet<number> | undefined
  let candidates = new Candidates(0)
  let chosen: readonly number[] = [0]
  return {
    name,
    wants: model.spec.kind === 'eagle3' ? model.spec.taps : 'features',

    async start(prefilled) {
      text ??= new HeadText(model, growth)
      ends = prefilled.ends
      await text.begin(prefilled)
    },

    async propose(root, { rows }) {
      const head = text!
      candidates = new Candidates(root, ends)
      chosen = [0]
      if (rows < 2 || head.waiting === 0) return { tree: chain(root) }
      chosen = await growth.grow(candidates, (nodes) => head.expand(candidates, nodes), rows - 1)
      const proposal = chosen.map((candidate) => head.drawnFrom(candidate))
      return {
        tree: candidates.tree(chosen),
        forwards: head.passes.length,
        ...(proposal.some((distribution) => distribution) && { proposal }),
      }
    },

    observe({ path, emitted, took, states }) {
      growth.observe?.({ candidates, chosen, passes: text!.passes, path, emitted, ...(took && { took }) })
      text!.settle({ emitted, ...(states && { states }) })
    },

    dispose() {
      text?.dispose()
      text = undefined
    },
  }
}
