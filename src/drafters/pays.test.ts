import { expect, test } from 'vitest'
import { Pays } from './pays.ts'

/** Steps of a drafter that does as it is told: how many of them guess, the last `count` of all. */
function guessesOf(pays: Pays, steps: number, tokens: number, time: number): number {
  let guesses = 0
  for (let step = 0; step < steps; step++) {
    const isGuess = pays.pays || pays.isDue
    pays.observe(isGuess, isGuess ? tokens : 1, isGuess ? time : 1)
    if (isGuess) guesses++
  }
  return guesses
}

test('where guessing pays every step guesses', () => {
  expect(guessesOf(new Pays(), 200, 1.3, 1.2)).toBe(200)
})

test('where it does not it is tried ever less, down to once in 17 steps', () => {
  const pays = new Pays()
  guessesOf(pays, 300, 1.3, 1.6)
  expect(guessesOf(pays, 170, 1.3, 1.6)).toBe(10)
})

test('that it pays again is noticed by the first try, and then every step guesses', () => {
  const pays = new Pays()
  guessesOf(pays, 300, 1, 2)
  guessesOf(pays, 17, 4, 1.5)
  expect(guessesOf(pays, 100, 4, 1.5)).toBe(100)
})

test('what a step without guesses takes counts too', () => {
  const pays = new Pays()
  for (let step = 0; step < 60; step++)
    pays.observe(step % 2 === 0, step % 2 === 0 ? 1.4 : 1, step % 2 === 0 ? 1.6 : 1.3)
  expect(pays.pays).toBe(true)
})
