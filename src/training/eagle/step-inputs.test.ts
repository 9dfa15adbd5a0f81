import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tinyModel } from '../../model/tiny.ts'
import { rowsAhead } from '../heads/index.ts'
import { eagleInputs } from './step-inputs.ts'
import { tinyHeadSpec, tinyTokens } from './tiny.ts'

test('rows ahead stay in their document', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 4 }),
      (lengths, n) => {
        const parents = Int32Array.from(
          lengths.flatMap((length, i) => {
            const start = lengths.slice(0, i).reduce((a, b) => a + b, 0)
            return Array.from({ length }, (_, j) => (j === 0 ? -1 : start + j - 1))
          }),
        )
        const documentOf = lengths.flatMap((length, i) => new Array<number>(length).fill(i))
        for (const [row, ahead] of rowsAhead(parents, n).entries())
          expect(ahead).toBe(documentOf[row + n] === documentOf[row] ? row + n : row)
      },
    ),
    { seed: 1 },
  )
})

const { spec: target } = tinyModel()
const batch = tinyTokens(target.vocabSize, 2, 8)
const rows = batch.tokens.length
const states = {
  features: Float32Array.from({ length: rows * target.hiddenSize }, (_, i) => i),
  taps: new Float32Array(rows * 3 * target.hiddenSize),
  answers: Int32Array.from({ length: rows }, (_, i) => (7 * i) % target.vocabSize),
}
const everything = Int32Array.from({ length: target.vocabSize }, (_, id) => id)
const options = { spec: tinyHeadSpec('eagle', target), steps: 3, draftIds: everything }

test('step s of row i is about position i + 1 + s of its document', () => {
  const { inputs, tokens } = eagleInputs(batch, states, options)
  expect(tokens).toBe(rows)
  const of = (name: string) => inputs[name].data as Int32Array
  let counted = 0
  for (let step = 0; step < 3; step++)
    for (let row = 0; row < rows; row++) {
      const at = row + 1 + step
      const inside = at < rows && batch.positions[at] === batch.positions[row] + 1 + step
      expect(of(`ahead ${step}`)[row]).toBe(inside ? at : row)
      expect(of(`positions ${step}`)[row]).toBe(batch.positions[row] + step)
      expect(of(`weights ${step}`)[row]).toBe(inside ? batch.weights[at] : 0)
      if (!inside) continue
      counted++
      expect(of(`tokens ${step}`)[row]).toBe(batch.tokens[at])
      expect(of(`answers ${step}`)[row]).toBe(states.answers[at])
    }
  expect(counted).toBeGreaterThan(20)
  expect(inputs.states.data).toEqual(states.features)
})

test('where the target would write a token that the head does not know, nothing is learned', () => {
  const draftIds = everything.map((id) => (id % 2 === 0 ? id / 2 : -1))
  const { inputs } = eagleInputs(batch, states, { ...options, draftIds })
  const weights = inputs['weights 0'].data as Float32Array
  for (const [row, ahead] of (inputs['ahead 0'].data as Int32Array).entries())
    if (ahead !== row && states.answers[ahead] % 2 === 1) expect(weights[row]).toBe(0)
  expect(weights.reduce((a, b) => a + b)).toBeGreaterThan(0)
})

test('noise depends on seed and place alone, and stays below its amplitude', () => {
  const at = (seed: number, index: number) =>
    eagleInputs(batch, states, options, { amplitude: 0.1, seed, place: [0, index] }).inputs.states.data as Float32Array
  expect(at(1, 4)).toEqual(at(1, 4))
  expect(at(1, 4)).not.toEqual(at(1, 5))
  expect(at(1, 4)).not.toEqual(at(2, 4))
  const differences = at(1, 4).map((value, i) => value - states.features[i])
  expect(Math.max(...differences.map(Math.abs))).toBeLessThan(0.1001)
  expect(Math.max(...differences)).toBeGreaterThan(0.08)
  expect(Math.min(...differences)).toBeLessThan(-0.08)
  expect(Math.abs(differences.reduce((a, b) => a + b) / differences.length)).toBeLessThan(0.02)
})
