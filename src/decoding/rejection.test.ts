import { expect, test } from 'vitest'
import { floats } from './arithmetic.ts'
import { rejection } from './rejection.ts'
import { chain, TokenTree } from './tree.ts'

/** Chance that answers as told, draws the likeliest token, and notes what it was asked. */
function scripted(...answers: boolean[]) {
  const asked: (number | number[])[] = []
  return {
    asked,
    bernoulli(p: number) {
      asked.push(p)
      return answers.shift()!
    },
    categorical(weights: ArrayLike<number>) {
      asked.push(Array.from(weights))
      return Array.from(weights).indexOf(Math.max(...Array.from(weights)))
    },
  }
}

const rows =
  (...distributions: number[][]) =>
  (row: number) =>
    distributions[row]
const certain = () => undefined

test('a root alone yields a token of the target', () => {
  const chance = scripted()
  expect(rejection(chain(4), rows([0.25, 0.75]), certain, chance, floats)).toEqual({ path: [0], bonus: 1 })
  expect(chance.asked).toEqual([[0.25, 0.75]])
})

test('a drawn guess is accepted with probability p/q, and the target is asked along the path only', () => {
  const chance = scripted(true, true)
  const asked: number[] = []
  const p = (row: number) => {
    asked.push(row)
    return [
      [0.25, 0.75],
      [0.5, 0.5],
      [1, 0],
    ][row]
  }
  const q = rows([0.5, 0.5], [0.25, 0.75])
  expect(rejection(chain(9, [0, 1]), p, q, chance, floats)).toEqual({ path: [0, 1, 2], bonus: 0 })
  expect(chance.asked).toEqual([0.5, 0.5 / 0.75, [1, 0]])
  expect(asked).toEqual([0, 1, 2])
})

test('after a rejected guess, the token is drawn from what p holds more than q', () => {
  const chance = scripted(false)
  const verdict = rejection(chain(9, [0]), rows([0.25, 0.5, 0.25]), rows([0.75, 0.25, 0]), chance, floats)
  expect(verdict).toEqual({ path: [0], bonus: 1 })
  expect(chance.asked).toEqual([0.25 / 0.75, [0, 0.5, 0.5]])
})

test('a guess without chance is accepted with probability p, and leaves the rest of p', () => {
  const chance = scripted(false)
  expect(rejection(chain(9, [1]), rows([0.25, 0.5, 0.25]), certain, chance, floats).bonus).toBe(0)
  expect(chance.asked).toEqual([0.5, [0.5, 0, 0.5]])
})

test('a sibling is compared with what the first one left of both distributions', () => {
  const tree = new TokenTree([9, 0, 1], [-1, 0, 0])
  const chance = scripted(false, true)
  const verdict = rejection(tree, rows([0.25, 0.5, 0.25], [], [0, 0, 1]), rows([0.5, 0.375, 0.125]), chance, floats)
  expect(verdict).toEqual({ path: [0, 2], bonus: 2 })
  // max(0, p - q) = [0, 1/8, 1/8]; q without the first guess is [0, 3/4, 1/4].
  expect(chance.asked).toEqual([0.5, 0.5 / 0.75, [0, 0, 1]])
})

test('where rounding leaves nothing of p, the token is one that the target can write', () => {
  const p = [0, 0.5, 0.5]
  const q = [0, 0.5 + 2 ** -24, 0.5]
  expect(rejection(chain(9, [1]), rows(p), rows(q), scripted(false), floats).bonus).toBeGreaterThan(0)
})
