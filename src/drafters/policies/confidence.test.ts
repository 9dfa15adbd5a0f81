import { expect, test } from 'vitest'
import { confidence } from './confidence.ts'
import { drafted, guessed } from './tiny.ts'

const falling = [0.9, 0.6, 0.4, 0.39, 0.9].map((probability) => guessed(probability))

test('stops after the first guess below the threshold, which is kept', () => {
  expect(drafted(confidence(0.4), falling)).toBe(4)
  expect(drafted(confidence(0.7), falling)).toBe(2)
  expect(drafted(confidence(0), falling)).toBe(5)
  expect(drafted(confidence(1), falling)).toBe(1)
})

test('never doubts a drafter without probabilities', () => {
  expect(drafted(confidence(1), [guessed(), guessed(), guessed()])).toBe(3)
})
