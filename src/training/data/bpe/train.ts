import { PairHeap } from './heap.ts'

/** Two symbols that became one; as a tokenizer applies them, earliest first. Symbols 0 .. 255 are bytes. */
export interface Merge {
  readonly left: number
  readonly right: number
}

export interface TrainedBpe {
  /** Merge `i` makes symbol `256 + i`. Fewer than asked for where no pair occurs twice any more. */
  readonly merges: readonly Merge[]
  /** Symbols that all counted words come to after the last merge. */
  readonly symbolCount: number
}

const separator = 0x1_0000

/**
 * Learns byte-pair merges from words and how often each occurs: again and again, the most frequent pair of neighbours
 * within a word becomes one symbol. Of equally frequent pairs the one with the lower symbols goes first, so that equal
 * counts give equal merges. Gage 1994; for words: Sennrich, Haddow, Birch, ACL 2016, algorithm 1.
 *
 * `mergeCount`: at most 65,280, symbols being 16 bits. `onProgress` gets the share done.
 */
export function trainBpe(
  words: ReadonlyMap<string, number>,
  mergeCount: number,
  onProgress: (share: number) => void = () => {},
): TrainedBpe {
  const corpus = new Corpus(words)
  const merges: Merge[] = []
  while (merges.length < mergeCount) {
    const best = corpus.mostFrequentPair()
    if (best === undefined) break
    corpus.merge(best, 256 + merges.length)
    merges.push({ left: Math.floor(best / separator), right: best % separator })
    onProgress(merges.length / mergeCount)
  }
  return { merges, symbolCount: corpus.symbolCount }
}

/** All words as symbols, with the number of every pair of neighbours, kept up to date from merge to merge. */
class Corpus {
  symbolCount = 0
  private readonly words: Uint16Array[] = []
  private readonly frequencies: number[] = []
  private readonly counts = new Map<number, number>()
  /** Words in which a pair occurs or once occurred. */
  private readonly wordsOf = new Map<number, number[]>()
  /** Pairs under counts that they have or once had: one whose count fell is put back under the new one when it is met. */
  private readonly heap = new PairHeap()

  constructor(words: ReadonlyMap<string, number>) {
    const utf8 = new TextEncoder()
    for (const [text, frequency] of words) {
      const symbols = Uint16Array.from(utf8.encode(text))
      this.symbolCount += frequency * symbols.length
      if (symbols.length < 2) continue
      const word = this.words.push(symbols) - 1
      this.frequencies.push(frequency)
      for (let i = 1; i < symbols.length; i++) this.add(pairOf(symbols[i - 1], symbols[i]), frequency, word)
    }
    for (const [pair, count] of this.counts) this.heap.push(pair, count)
  }

  /** `undefined` when no pair occurs twice. */
  mostFrequentPair(): number | undefined {
    for (;;) {
      const top = this.heap.pop()
      if (top === undefined || top.count < 2) return undefined
      const count = this.counts.get(top.pair) ?? 0
      if (count === top.count) return top.pair
      // A count that rose was pushed when it did; one that fell has no entry of its own yet.
      if (count > 0 && count < top.count) this.heap.push(top.pair, count)
    }
  }

  merge(pair: number, symbol: number): void {
    const left = Math.floor(pair / separator)
    const right = pair % separator
    const risen = new Set<number>()
    const occurrences = this.wordsOf.get(pair) ?? []
    this.wordsOf.delete(pair)
    for (const word of occurrences) {
      const before = this.words[word]
      const after = mergeIn(before, left, right, symbol)
      if (after.length === before.length) continue
      const frequency = this.frequencies[word]
      this.symbolCount -= frequency * (before.length - after.length)
      for (let i = 1; i < before.length; i++) this.take(pairOf(before[i - 1], before[i]), frequency)
      for (let i = 1; i < after.length; i++) {
        const made = pairOf(after[i - 1], after[i])
        if (after[i - 1] === symbol || after[i] === symbol) {
          this.add(made, frequency, word)
          risen.add(made)
        } else this.counts.set(made, (this.counts.get(made) ?? 0) + frequency)
      }
      this.words[word] = after
    }
    this.counts.delete(pair)
    for (const made of risen) this.heap.push(made, this.counts.get(made) ?? 0)
  }

  private add(pair: number, frequency: number, word: number): void {
    this.counts.set(pair, (this.counts.get(pair) ?? 0) + frequency)
    const words = this.wordsOf.get(pair)
    if (words === undefined) this.wordsOf.set(pair, [word])
    else if (words[words.length - 1] !== word) words.push(word)
  }

  private take(pair: number, frequency: number): void {
    const count = (this.counts.get(pair) ?? 0) - frequency
    if (count > 0) this.counts.set(pair, count)
    else this.counts.delete(pair)
  }
}

function pairOf(left: number, right: number): number {
  return left * separator + right
}

/** From the left, as tokenizers do: "aaa" with the merge "a a" is "aa a". */
function mergeIn(word: Uint16Array, left: number, right: number, symbol: number): Uint16Array {
  let length = 0
  const merged = new Uint16Array(word.length)
  for (let i = 0; i < word.length; length++) {
    const both = word[i] === left && word[i + 1] === right
    merged[length] = both ? symbol : word[i]
    i += both ? 2 : 1
  }
  return length === word.length ? word : merged.slice(0, length)
}
