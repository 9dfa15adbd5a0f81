import { expect, test } from 'vitest'
import { readDrafter } from '../drafters/index.ts'
import { bita, draft, eagle, eagle2, eagle3, jacobi, lookahead, medusa, none, promptLookup } from './drafters.ts'

test('what an application writes is a name that the registry reads', () => {
  const names = [
    none(),
    promptLookup(),
    draft(),
    draft({ policy: 'constant-3', folder: 'models/x' }),
    eagle(),
    eagle({ guesses: 8, folder: 'models/x' }),
    eagle({ guesses: 'full' }),
    eagle2(),
    eagle2({ folder: 'models/x' }),
    eagle3({ tree: { rows: 60, depth: 7, width: 10 } }),
    jacobi(),
    jacobi({ block: 9 }),
    jacobi({ ngrams: true }),
    jacobi({ block: 4, ngrams: true }),
    lookahead(),
    lookahead({ window: 4, ngram: 3, guesses: 2 }),
    medusa(),
    medusa({ guesses: 8, folder: 'models/x' }),
    medusa({ guesses: 'full' }),
    bita(),
    bita({ tree: 'comb', folder: 'models/x' }),
  ]
  for (const name of names) expect(readDrafter(name)).toBeTypeOf('function')
  expect(names.slice(-17)).toEqual([
    'eagle',
    'eagle:8=models/x',
    'eagle:full',
    'eagle2',
    'eagle2=models/x',
    'eagle3:60-7-10',
    'jacobi',
    'jacobi:9',
    'jacobi:ngrams',
    'jacobi:4+ngrams',
    'lookahead',
    'lookahead:4-3-2',
    'medusa',
    'medusa:8=models/x',
    'medusa:full',
    'bita',
    'bita:comb=models/x',
  ])
})

test.each([
  [() => jacobi({ block: 1 }), 'jacobi: block is 1, expected an integer of at least 2'],
  [() => lookahead({ window: 0, ngram: 3, guesses: 2 }), 'lookahead: window is 0, expected an integer of at least 1'],
  [() => eagle({ guesses: 26 }), 'eagle: guesses is 26, expected an integer from 1 to 25, or "full"'],
  [() => eagle2({ tree: { rows: 1, depth: 1, width: 1 } }), 'eagle2: rows is 1, expected an integer of at least 2'],
  [() => medusa({ guesses: 64 }), 'medusa: guesses is 64, expected an integer from 1 to 63, or "full"'],
  [() => lookahead({ window: 4, ngram: 1, guesses: 2 }), 'lookahead: ngram is 1, expected an integer of at least 2'],
])('sizes out of range are an error of code argument', (make, message) => {
  expect(make).toThrow(expect.objectContaining({ code: 'argument', message }))
})
