import { expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import { costAware } from './cost-aware.ts'
import { drafted, guessed, repeated, step } from './tiny.ts'

/** v grows by `slope` a row. */
const rows = (slope: number) => passCosts(1, [[33, 1 + 32 * slope]])
const flat = rows(0)

test('drafts nothing where a guess costs more than it can win', () => {
  const sure = repeated(guessed(0.99))
  expect(drafted(costAware({ target: flat, guess: { first: 1, next: 1 } }), sure)).toBe(0)
  expect(drafted(costAware({ target: rows(1), guess: { first: 0, next: 0 } }), sure)).toBe(0)
  expect(drafted(costAware({ target: rows(0.4), guess: { first: 0.6, next: 0.6 } }), sure)).toBe(0)
})

test('drafts further when the drafter is surer', () => {
  const lengths = [0.2, 0.5, 0.8, 0.95].map((p) =>
    drafted(costAware({ target: flat, guess: { first: 0.1, next: 0.1 } }), repeated(guessed(p))),
  )
  expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
  expect(new Set(lengths).size).toBe(4)
  expect(lengths[0]).toBeGreaterThan(0)
})

test('stops after a guess that is unlikely, whatever was sure before it', () => {
  const policy = costAware({ target: flat, guess: { first: 0.1, next: 0.1 } })
  expect(
    drafted(
      policy,
      [0.95, 0.95, 0.02, 0.95, 0.95].map((p) => guessed(p)),
    ),
  ).toBe(3)
})

test('drafts less far where rows cost more, and where the drafter does', () => {
  const length = (slope: number, next: number, first = next) =>
    drafted(costAware({ target: rows(slope), guess: { first, next } }), repeated(guessed(0.9)))
  expect(length(0.2, 0.05)).toBeLessThan(length(0.05, 0.05))
  expect(length(0.05, 0.05)).toBeLessThan(length(0, 0.05))
  expect(length(0, 0.2)).toBeLessThan(length(0, 0.05))
  // What the first one takes more is asked for once.
  expect(length(0.05, 0.05, 0.4)).toBe(length(0.05, 0.05))
  expect(length(0.05, 0.05, 3)).toBe(0)
})

test('believes what became of guesses more than what the drafter says of them', () => {
  const [honest, boastful] = [1, 2].map(() => costAware({ target: flat, guess: { first: 0.1, next: 0.1 } }))
  const sure = repeated(guessed(0.9), 8)
  for (let i = 0; i < 60; i++) {
    step(honest, sure, i % 2 === 0 ? 8 : 4)
    step(boastful, sure, i % 3 === 0 ? 1 : 0)
  }
  expect(drafted(boastful, repeated(guessed(0.9)))).toBeLessThan(drafted(honest, repeated(guessed(0.9))) / 2)
})

test('keeps probing when guessing does not pay, and comes back when it pays again', () => {
  const policy = costAware({ target: flat, guess: { first: 0.3, next: 0.3 } })
  const some = repeated(guessed(0.5), 8)
  const lengths = (count: number, right: number) => Array.from({ length: count }, () => step(policy, some, right))
  lengths(100, 0)
  const tries = lengths(170, 0).filter((length) => length > 0)
  expect(tries.every((length) => length === 1)).toBe(true)
  expect(tries.length).toBeGreaterThan(0)
  expect(tries.length).toBeLessThan(4)
  const back = lengths(400, 8)
  expect(back.slice(-50).every((length) => length >= 2)).toBe(true)
})
