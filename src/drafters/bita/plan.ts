import { type Accuracy, type BitaCosts, bestShape, type PlanLimits } from './best-shape.ts'
import { type Decision, type Outlook, outlookOf } from './outlook.ts'

/** Shapes rarely change after the second round. */
const rounds = 6

/**
 * Shapes for steps that begin with guesses for 0 .. maskCount depths, of the most tokens per time in the long run. A mask
 * wins nothing in its own step: it is paid now, and its guesses win tokens in the next one, if the text ends where it rides.
 * So steps are a Markov decision process, solved by policy iteration (Howard 1960) from `outlook`: the value of all shapes
 * given, each is improved alone, greedily. What is known of guesses changes slowly, and so does the plan.
 */
export function plan(
  accuracy: Accuracy,
  costs: BitaCosts,
  limits: PlanLimits,
  outlook: Outlook = fresh(limits.maskCount),
): { readonly decisions: readonly Decision[]; readonly outlook: Outlook } {
  const decide = (ahead: Outlook) =>
    Array.from({ length: limits.maskCount + 1 }, (_, levels) => bestShape(levels, accuracy, costs, limits, ahead))
  let best = { decisions: decide(outlook), outlook: { ...outlook, speed: 0 } }
  for (let round = 0, { decisions } = best; round < rounds; round++) {
    const ahead = outlookOf(decisions)
    if (ahead.speed <= best.outlook.speed) break
    best = { decisions, outlook: ahead }
    decisions = decide(ahead)
  }
  return best
}

/** Before anything is known: so that masks are tried. */
function fresh(maskCount: number): Outlook {
  return { speed: 1, worth: Array.from({ length: maskCount + 1 }, (_, levels) => levels / 2) }
}
