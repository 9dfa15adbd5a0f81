import { expect, test } from 'vitest'
import { type Outcome, outcomes } from './exhaustive.ts'
import { fraction, show } from './fraction.ts'

const [half, third] = [fraction(1, 2), fraction(1, 3)]

const all = (run: (chance: Outcome) => unknown) =>
  Array.from(outcomes(), (chance) => [run(chance), show(chance.weight)])

test('every outcome comes once, with the product of the probabilities of its decisions', () => {
  expect(
    all((chance) => (chance.bernoulli(third) ? 'no more' : chance.categorical([half, third, fraction(1, 6)]))),
  ).toEqual([
    [0, '1/3'],
    [1, '2/9'],
    [2, '1/9'],
    ['no more', '1/3'],
  ])
})

test('what cannot happen does not, and what must does', () => {
  expect(all((chance) => chance.bernoulli(fraction(0)))).toEqual([[false, '1']])
  expect(all((chance) => chance.bernoulli(fraction(7, 2)))).toEqual([[true, '1']])
  expect(all((chance) => chance.categorical([fraction(0), fraction(1), fraction(0)]))).toEqual([[1, '1']])
})

test('without decisions there is one outcome', () => {
  expect(all(() => 'sure')).toEqual([['sure', '1']])
})

test('weights that are no distribution are refused', () => {
  expect(() => all((chance) => chance.categorical([half, third]))).toThrow('weights are 1/2,1/3')
  expect(() => all((chance) => chance.categorical([fraction(3, 2), fraction(-1, 2)]))).toThrow(
    'expected a distribution',
  )
  expect(() => all((chance) => chance.bernoulli(fraction(-1, 2)))).toThrow('a probability is -1/2')
})

test('a run that depends on anything but chance is refused', () => {
  let runs = 0
  expect(() => all((chance) => chance.categorical(runs++ ? [half, half] : [third, third, third]))).toThrow(
    'other options',
  )
  let more = true
  expect(() =>
    all((chance) => {
      if (more) for (let i = 0; i < 2; i++) chance.bernoulli(half)
      more = false
    }),
  ).toThrow('0 decisions where there were 2 before')
})
