/** A chance that was told, and what came. */
export interface Told {
  readonly chance: number
  readonly accepted: boolean
}

/** How well chances tell right guesses from wrong ones. */
export interface Quality {
  readonly guesses: number
  /** Share of the guesses that were accepted. */
  readonly accepted: number
  /** Chance that a right guess was told a higher chance than a wrong one; 0.5 is blind. NaN where one kind is missing. */
  readonly auc: number
  /** Share told on the right side of one half. */
  readonly accuracy: number
  /** Expected calibration error over ten bins: how far chances are from the share that came (Guo et al. 2017). */
  readonly calibrationError: number
}

export function qualityOf(told: readonly Told[]): Quality {
  const right = told.filter(({ accepted }) => accepted).length
  const sides = told.filter(({ chance, accepted }) => chance >= 0.5 === accepted).length
  return {
    guesses: told.length,
    accepted: right / told.length,
    auc: aucOf(told),
    accuracy: sides / told.length,
    calibrationError: calibrationErrorOf(told),
  }
}

/** From the sum of the ranks of the accepted (Mann & Whitney 1947); equals share their mean rank. */
function aucOf(told: readonly Told[]): number {
  const sorted = [...told].sort((a, b) => a.chance - b.chance)
  let [ranks, right] = [0, 0]
  for (let from = 0; from < sorted.length; ) {
    let end = from
    while (end < sorted.length && sorted[end].chance === sorted[from].chance) end++
    const here = sorted.slice(from, end).filter(({ accepted }) => accepted).length
    ranks += (here * (from + 1 + end)) / 2
    right += here
    from = end
  }
  return (ranks - (right * (right + 1)) / 2) / (right * (told.length - right))
}

function calibrationErrorOf(told: readonly Told[]): number {
  const bins = Array.from({ length: 10 }, () => ({ chance: 0, accepted: 0 }))
  for (const { chance, accepted } of told) {
    const bin = bins[Math.min(9, Math.floor(10 * chance))]
    bin.chance += chance
    bin.accepted += accepted ? 1 : 0
  }
  return bins.reduce((sum, { chance, accepted }) => sum + Math.abs(chance - accepted), 0) / told.length
}
