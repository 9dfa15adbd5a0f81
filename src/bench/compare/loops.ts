const tail = 32
const longestPeriod = 8

/**
 * Whether a text ends in a loop: its last 32 tokens repeat with a period of at most 8. Small models fall into loops, and
 * every drafter looks good on them, so they are counted apart.
 */
export function endsInLoop(ids: readonly number[]): boolean {
  if (ids.length < tail) return false
  const end = ids.slice(-tail)
  for (let period = 1; period <= longestPeriod; period++)
    if (end.every((id, i) => i < period || id === end[i - period])) return true
  return false
}
