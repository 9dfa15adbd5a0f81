import { PacelineError } from '../../errors.ts'

/** When a run ends: at the first of these limits. */
export interface Budget {
  readonly updates?: number
  readonly tokens?: number
  /** Of computing, interruptions not counted. Where the schedule decays by time, two runs are not bit-identical. */
  readonly minutes?: number
}

export interface Spent {
  readonly updates: number
  readonly tokens: number
  readonly seconds: number
}

/** Throws code `argument` for a budget without a limit, or with one that is not above 0. */
export function validateBudget(budget: Budget): void {
  const limits = Object.entries(budget).filter(([, limit]) => limit !== undefined)
  if (limits.length === 0)
    throw new PacelineError('argument', 'there is no budget: give a number of updates, tokens or minutes.')
  for (const [name, limit] of limits)
    if (!(limit > 0 && limit < Infinity))
      throw new PacelineError('argument', `${name} is ${limit}, expected a number above 0.`)
}

/** How much of the budget is spent, 0 to 1: that of the limit which is nearest. */
export function shareSpent(budget: Budget, { updates, tokens, seconds }: Spent): number {
  const share = (spent: number, limit: number | undefined) => (limit === undefined ? 0 : spent / limit)
  return Math.min(
    1,
    Math.max(share(updates, budget.updates), share(tokens, budget.tokens), share(seconds / 60, budget.minutes)),
  )
}
