import { discoFeatures } from '../../drafters/index.ts'
import { shuffled } from '../data/index.ts'
import type { LoggedText } from './log.ts'

/** A guess to learn from. */
export interface Example {
  readonly features: readonly number[]
  readonly accepted: boolean
}

/** Every guess up to and including the first wrong one of its draft: of those behind it nothing is known. */
export function examplesOf(texts: readonly LoggedText[], top: number): Example[] {
  return texts.flatMap(({ steps }) =>
    steps.flatMap(({ guesses, accepted }) =>
      guesses.slice(0, accepted + 1).map((_, i) => ({
        features: discoFeatures(guesses.slice(0, i + 1), top),
        accepted: i < accepted,
      })),
    ),
  )
}

/**
 * Texts to learn from and texts to judge by, a share of them but at least one each: whole texts, since guesses of one
 * text are alike. Follows from the seed alone. A single text is on both sides.
 */
export function splitTexts(texts: readonly LoggedText[], validationShare: number, seed: number) {
  if (texts.length === 1) return { train: texts, validation: texts }
  const order = [...shuffled([...texts.keys()], seed, 0, 0)].map((i) => texts[i])
  const held = Math.min(texts.length - 1, Math.max(1, Math.round(validationShare * texts.length)))
  return { train: order.slice(held), validation: order.slice(0, held) }
}
