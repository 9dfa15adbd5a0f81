/** How often the likeliest child of an accepted node is accepted, before anything is known, and each further one less. */
const firstChance = 0.6
const nextRank = 0.35
/** What each further level counts beside the one before, where guesses of a level do not know the path to it. */
const nextLevel = 0.8
/** How much an expectation counts beside outcomes, in outcomes. */
const prior = 8

/** The chance of the child of this rank (from 0) of an accepted node, before anything is known. */
export function expectedByRank(rank: number): number {
  return firstChance * nextRank ** rank
}

/** The same where guesses of a level (from 1) are the same whatever stands before them. */
export function expectedByLevel(depth: number, rank: number): number {
  return expectedByRank(rank) * nextLevel ** (depth - 1)
}

interface Count {
  right: number
  seen: number
}

/**
 * How often guesses are accepted where their parents are, by depth and rank. What is seldom seen borrows from guesses of
 * the same rank at all depths, and these from what is expected.
 */
export class RankFrequencies {
  readonly #expected: (depth: number, rank: number) => number
  readonly #byRank: Count[] = []
  readonly #byPlace = new Map<string, Count>()

  constructor(expected: (depth: number, rank: number) => number) {
    this.#expected = expected
  }

  /** Of a guess whose parent was accepted. */
  observe(depth: number, rank: number, right: boolean): void {
    for (const count of this.#countsOf(depth, rank)) {
      count.seen++
      if (right) count.right++
    }
  }

  /** The chance that a guess is accepted where its parent is. */
  chance(depth: number, rank: number): number {
    const [place, all] = this.#countsOf(depth, rank)
    const expected = (all.right + prior * this.#expected(depth, rank)) / (all.seen + prior)
    return (place.right + prior * expected) / (place.seen + prior)
  }

  #countsOf(depth: number, rank: number): [place: Count, all: Count] {
    const place = this.#byPlace.get(`${depth} ${rank}`) ?? { right: 0, seen: 0 }
    this.#byPlace.set(`${depth} ${rank}`, place)
    this.#byRank[rank] ??= { right: 0, seen: 0 }
    return [place, this.#byRank[rank]]
  }
}
