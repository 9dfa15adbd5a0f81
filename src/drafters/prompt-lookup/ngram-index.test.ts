import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NgramIndex } from './ngram-index.ts'

/** The same by search: the longest ending first, and of its earlier occurrences the last. */
function naive(text: readonly number[], minLength: number, maxLength: number, count: number): number[] {
  for (let n = Math.min(maxLength, text.length); n >= minLength; n--) {
    const ending = text.slice(-n).join()
    for (let start = text.length - n - 1; start >= 0; start--)
      if (text.slice(start, start + n).join() === ending) return text.slice(start + n, start + n + count)
  }
  return []
}

test('finds what a search of the whole text finds, however the text arrives', () => {
  const lengths = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 }))
  // Tokens whose digits run into one another, were they joined without care.
  const token = fc.constantFrom(1, 2, 11, 12)
  fc.assert(
    fc.property(
      fc.array(fc.array(token, { maxLength: 8 }), { maxLength: 8 }),
      lengths,
      fc.nat(6),
      (pieces, [min, more], count) => {
        const index = new NgramIndex(min, min + more)
        const text: number[] = []
        for (const piece of pieces) {
          index.append(piece)
          text.push(...piece)
          expect(index.continuation(count)).toEqual(naive(text, min, min + more, count))
        }
      },
    ),
    { seed: 1, numRuns: 300 },
  )
})

test('an ending that was never followed by anything continues with nothing', () => {
  const index = new NgramIndex(2, 3)
  expect(index.continuation(5)).toEqual([])
  index.append([1, 2, 3, 4])
  expect(index.continuation(5)).toEqual([])
})
