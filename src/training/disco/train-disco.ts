import {
  acceptanceChance,
  confidence,
  constant,
  type DiscoFile,
  disco,
  discoTop,
  type Policy,
} from '../../drafters/index.ts'
import { PacelineError } from '../../errors.ts'
import { chooseThreshold } from './choose.ts'
import { examplesOf, splitTexts } from './examples.ts'
import { type FitOptions, fitClassifier } from './fit.ts'
import type { DraftLog, LoggedText } from './log.ts'
import { type Quality, qualityOf } from './quality.ts'
import { type Replayed, replay, replayOracle } from './replay.ts'

export interface TrainDiscoOptions extends Omit<FitOptions, 'hidden'> {
  readonly hidden?: number
  /** Of the texts, those that the classifier is judged by and its threshold chosen on. */
  readonly validationShare: number
}

export interface TrainedDisco {
  readonly file: DiscoFile
  /** Of guesses, to learn from and held out. */
  readonly examples: { readonly train: number; readonly validation: number }
  /** On the texts held out. */
  readonly quality: Quality
  /** Policies replayed on the texts held out: every constant, a confidence threshold, the classifier, the bound. */
  readonly replays: readonly (readonly [name: string, replayed: Replayed])[]
}

/**
 * Trains a classifier of guesses from a log (Mamou et al. 2024, section 3) and chooses its threshold by what the logged
 * texts would have taken. The same log and options give the same file, byte for byte.
 * Throws code `argument` where the log holds too little: no guess that was accepted, or none that was not.
 */
export function trainDisco({ header, texts }: DraftLog, options: TrainDiscoOptions): TrainedDisco {
  const { epochs, seed, validationShare, hidden = 16 } = options
  const { costs, maxGuesses: most, madeFrom } = header
  const useful = texts.filter(({ steps }) => steps.some(({ guesses }) => guesses.length > 0))
  requireBothKinds(useful)
  const { train, validation } = splitTexts(useful, validationShare, seed)
  const [learned, judged] = [examplesOf(train, discoTop), examplesOf(validation, discoTop)]
  const network = fitClassifier(learned, judged, discoTop, { hidden, epochs, seed })
  const { threshold, maxGuesses } = chooseThreshold(network, validation, costs, most)

  const quality = qualityOf(
    validation.flatMap(({ steps }) =>
      steps.flatMap(({ guesses, accepted }) =>
        guesses.slice(0, accepted + 1).map((_, i) => ({
          chance: acceptanceChance(network, guesses.slice(0, i + 1)),
          accepted: i < accepted,
        })),
      ),
    ),
  )
  const bare: DiscoFile = { format: 'paceline-disco', version: 1, ...network, threshold, maxGuesses }
  const policies = [...Array.from({ length: most }, (_, i) => constant(i + 1)), atMost(most, confidence()), disco(bare)]
  const replays = [
    ...policies.map((policy) => [policy.name, replay(validation, policy, costs)] as const),
    ['oracle', replayOracle(validation, costs)] as const,
  ]
  const file: DiscoFile = {
    ...bare,
    trainedOn: { ...madeFrom, maxGuesses: most, texts: useful.length, epochs, seed, validationShare },
    metrics: { costs, ...quality, replays: Object.fromEntries(replays) },
  }
  return { file, examples: { train: learned.length, validation: judged.length }, quality, replays }
}

/** No further than the log goes. */
function atMost(most: number, { name, continueDrafting }: Policy): Policy {
  return { name, continueDrafting: (state) => state.guesses.length < most && continueDrafting(state) }
}

function requireBothKinds(texts: readonly LoggedText[]): void {
  const steps = texts.flatMap((text) => text.steps).filter(({ guesses }) => guesses.length > 0)
  const [right, wrong] = [
    steps.some(({ accepted }) => accepted > 0),
    steps.some(({ guesses, accepted }) => accepted < guesses.length),
  ]
  if (right && wrong) return
  throw new PacelineError(
    'argument',
    `There is nothing to learn from ${texts.length} texts: ${right ? 'every guess was right' : wrong ? 'no guess was right' : 'there is no guess'}. ` +
      'Log more prompts or longer texts.',
  )
}
