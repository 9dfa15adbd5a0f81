/** The longest phrase that is looked for, in tokens. */
const longest = 16
/** How often a phrase has to stand in a row, and how long the stretch has to be: one token ten times, five tokens four. */
const [times, leastStretch] = [4, 10]

/**
 * Whether a text repeats itself: one token or phrase again and again, as a model does that has lost the thread. Trained on
 * such texts it does so more often (Kou et al. 2024, who look for single tokens).
 */
export function repeatsItself(tokens: readonly number[]): boolean {
  for (let phrase = 1; phrase <= longest; phrase++) {
    const needed = Math.max(leastStretch, times * phrase)
    let stretch = phrase
    for (let i = phrase; i < tokens.length; i++) {
      stretch = tokens[i] === tokens[i - phrase] ? stretch + 1 : phrase
      if (stretch >= needed) return true
    }
  }
  return false
}
