import { expect, test } from 'vitest'
import { readDrafter } from '../drafters/index.ts'
import { draft, jacobi, lookahead, none, promptLookup } from './drafters.ts'

test('what an application writes is a name that the registry reads', () => {
  const names = [
    none(),
    promptLookup(),
    draft(),
    draft({ policy: 'constant-3', folder: 'models/x' }),
    jacobi(),
    jacobi({ block: 9 }),
    lookahead(),
    lookahead({ window: 4, ngram: 3, guesses: 2 }),
  ]
  for (const name of names) expect(readDrafter(name)).toBeTypeOf('function')
  expect(names.slice(-4)).toEqual(['jacobi', 'jacobi:9', 'lookahead', 'lookahead:4-3-2'])
})

test.each([
  [() => jacobi({ block: 1 }), 'jacobi: block is 1, expected an integer of at least 2'],
  [() => lookahead({ window: 0, ngram: 3, guesses: 2 }), 'lookahead: window is 0, expected an integer of at least 1'],
  [() => lookahead({ window: 4, ngram: 1, guesses: 2 }), 'lookahead: ngram is 1, expected an integer of at least 2'],
])('sizes out of range are an error of code argument', (make, message) => {
  expect(make).toThrow(expect.objectContaining({ code: 'argument', message }))
})
