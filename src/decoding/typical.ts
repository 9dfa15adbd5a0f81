import type { TokenTree } from './tree.ts'

/** epsilon and delta as published; delta is about the root of epsilon. */
const [atMost, ofTypical] = [0.09, 0.3]

/**
 * Typical acceptance (Cai et al. 2024, Medusa, section 2.3.1): a guess x is accepted where the target holds it likely enough,
 *
 *     p(x) > min(epsilon, delta exp(-H(p))),  epsilon = 0.09, delta = 0.3, H(p) = -sum p log p,
 *
 * and of all paths of accepted guesses the longest is taken, the likeliest of several. Not lossless: a guess that is likely
 * enough is written always, not as often as it is likely.
 *
 * `p(path)` is the target's distribution [vocab] after a path, the root first, after temperature, filters and penalties.
 * Asked for once for each accepted row. Returns the path.
 */
export function typical(tree: TokenTree, p: (path: readonly number[]) => ArrayLike<number>): readonly number[] {
  const longest = (path: readonly number[], logProbability: number): Candidate => {
    const after = p(path)
    const bar = typicality(after)
    let best: Candidate = { path, logProbability }
    for (const child of tree.children(path[path.length - 1])) {
      const probability = after[tree.tokens[child]]
      if (!(probability > bar)) continue
      const found = longest([...path, child], logProbability + Math.log(probability))
      if (isBetter(found, best)) best = found
    }
    return best
  }
  return longest([0], 0).path
}

/** What the probability of a guess has to exceed. */
export function typicality(p: ArrayLike<number>): number {
  let entropy = 0
  for (let x = 0; x < p.length; x++) if (p[x] > 0) entropy -= p[x] * Math.log(p[x])
  return Math.min(atMost, ofTypical * Math.exp(-entropy))
}

interface Candidate {
  readonly path: readonly number[]
  /** Of its guesses together. */
  readonly logProbability: number
}

function isBetter(a: Candidate, b: Candidate): boolean {
  const longer = a.path.length - b.path.length
  return longer > 0 || (longer === 0 && a.logProbability > b.logProbability)
}
