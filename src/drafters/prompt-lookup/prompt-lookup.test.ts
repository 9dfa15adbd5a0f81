import { expect, test } from 'vitest'
import type { Drafter } from '../../decoding/index.ts'
import { begun, emitting } from '../../decoding/tiny.ts'
import { promptLookup } from './prompt-lookup.ts'

async function propose(drafter: Drafter, root: number, rows = 64) {
  const { tree } = await drafter.propose(root, { rows })
  return { tokens: [...tree.tokens], parents: [...tree.parents] }
}

test('guesses what followed the same tokens in the prompt, one after the other', async () => {
  const drafter = promptLookup()
  await drafter.start(begun([1, 2, 3, 4, 5, 9, 1, 2, 3]))
  expect(await propose(drafter, 3)).toEqual({ tokens: [3, 4, 5, 9, 1, 2, 3], parents: [-1, 0, 1, 2, 3, 4, 5] })
})

test('guesses nothing where nothing recurs', async () => {
  const drafter = promptLookup()
  await drafter.start(begun([1, 2, 3, 4, 3]))
  expect((await propose(drafter, 3)).tokens).toEqual([3])
})

test('learns from the text as it grows', async () => {
  const drafter = promptLookup()
  await drafter.start(begun([7, 1, 2]))
  expect((await propose(drafter, 2)).tokens).toEqual([2])
  await drafter.observe(emitting(6, 5))
  await drafter.observe(emitting(1, 2))
  expect((await propose(drafter, 2)).tokens).toEqual([2, 6, 5, 1, 2])
})

test('the longest ending decides, and of its occurrences the last', async () => {
  const drafter = promptLookup()
  await drafter.start(begun([1, 2, 3, 10, 9, 2, 3, 20, 1, 2, 3]))
  expect((await propose(drafter, 3)).tokens.slice(0, 2)).toEqual([3, 10])
  await drafter.start(begun([1, 2, 3, 10, 9, 2, 3, 20, 8, 2, 3]))
  expect((await propose(drafter, 3)).tokens.slice(0, 2)).toEqual([3, 20])
})

test('guesses no more than asked for, nor than the budget holds beside the root', async () => {
  const repeated = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2]
  const lengths: number[] = []
  for (const [guesses, rows] of [
    [undefined, 64],
    [3, 64],
    [7, 4],
    [7, 1],
  ] as const) {
    const drafter = promptLookup(guesses === undefined ? {} : { guesses })
    await drafter.start(begun(repeated))
    lengths.push((await propose(drafter, 2, rows)).tokens.length)
  }
  expect(lengths).toEqual([8, 4, 4, 1])
})

test('a new text begins without memory of the one before', async () => {
  const drafter = promptLookup()
  await drafter.start(begun([1, 2, 3, 4, 1, 2]))
  await drafter.start(begun([1, 2]))
  expect((await propose(drafter, 2)).tokens).toEqual([2])
})

test('n-grams can be as short or as long as asked', async () => {
  const single = promptLookup({ minNgram: 1 })
  await single.start(begun([1, 2, 3, 1]))
  expect((await propose(single, 1)).tokens).toEqual([1, 2, 3, 1])
  const long = promptLookup({ minNgram: 4, maxNgram: 4 })
  await long.start(begun([1, 2, 3, 9, 1, 2, 3]))
  expect((await propose(long, 3)).tokens).toEqual([3])
})

test.each([
  [{ guesses: 0 }, 'prompt-lookup: guesses is 0, expected an integer of at least 1'],
  [{ guesses: 1.5 }, 'prompt-lookup: guesses is 1.5, expected an integer of at least 1'],
  [{ minNgram: 0 }, 'prompt-lookup: minNgram is 0, expected an integer of at least 1'],
  [{ minNgram: 4, maxNgram: 3 }, 'prompt-lookup: maxNgram is 3, expected an integer of at least 4'],
])('%o is an error of code argument', (options, message) => {
  expect(() => promptLookup(options)).toThrow(expect.objectContaining({ code: 'argument', message }))
})
