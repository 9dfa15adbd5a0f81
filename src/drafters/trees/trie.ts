import { TokenTree } from '../../decoding/index.ts'

/**
 * The root and `ngrams` behind it, those that begin alike sharing their rows. At most `guesses` rows behind the root: the
 * n-grams that come first have them.
 */
export function trie(root: number, ngrams: readonly (readonly number[])[], guesses: number): TokenTree {
  const tokens = [root]
  const parents = [-1]
  const children = [new Map<number, number>()]
  for (const ngram of ngrams) {
    let row = 0
    for (const token of ngram) {
      let child = children[row].get(token)
      if (child === undefined) {
        if (tokens.length > guesses) break
        child = tokens.push(token) - 1
        parents.push(row)
        children.push(new Map())
        children[row].set(token, child)
      }
      row = child
    }
  }
  return new TokenTree(tokens, parents)
}
