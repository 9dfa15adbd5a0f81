import { expect, test } from 'vitest'
import { tinyModel } from '../../model/tiny.ts'
import { tinyTokens } from '../eagle/tiny.ts'
import { medusaInputs } from './step-inputs.ts'

const { spec: target } = tinyModel()
const batch = tinyTokens(target.vocabSize, 2, 8)
const rows = batch.tokens.length
const states = {
  features: Float32Array.from({ length: rows * target.hiddenSize }, (_, i) => i),
  answers: Int32Array.from({ length: rows }, (_, i) => (7 * i) % target.vocabSize),
}
const everything = Int32Array.from({ length: target.vocabSize }, (_, id) => id)
const options = { spec: { headCount: 3, hiddenSize: target.hiddenSize }, soft: 0.5, draftIds: everything }

test('head k of row i is about the token k + 1 positions on in its document', () => {
  const { inputs, tokens } = medusaInputs(batch, states, options)
  expect(tokens).toBe(rows)
  let counted = 0
  for (let k = 1; k <= 3; k++)
    for (let row = 0; row < rows; row++) {
      const at = row + k
      const inside = at < rows && batch.positions[at] === batch.positions[row] + k
      expect(inputs[`ahead ${k}`].data[row]).toBe(inside ? at : row)
      expect(inputs[`weights ${k}`].data[row]).toBe(inside ? batch.weights[at] : 0)
      if (!inside) continue
      counted++
      expect(inputs[`labels ${k}`].data[row]).toBe(batch.targets[at])
      expect(inputs[`answers ${k}`].data[row]).toBe(states.answers[at])
      // The token itself stands in the batch where the document goes on.
      if (batch.positions[at + 1] === batch.positions[at] + 1)
        expect(inputs[`labels ${k}`].data[row]).toBe(batch.tokens[row + k + 1])
    }
  expect(counted).toBeGreaterThan(20)
})

test('nothing is learned of tokens that the heads do not know', () => {
  const draftIds = everything.map((id) => (id % 2 === 0 ? id / 2 : -1))
  const { inputs } = medusaInputs(batch, states, { ...options, draftIds })
  const weights = inputs['weights 1'].data as Float32Array
  for (const [row, ahead] of (inputs['ahead 1'].data as Int32Array).entries())
    if (ahead !== row && batch.targets[ahead] % 2 === 1) expect(weights[row]).toBe(0)
  expect(weights.reduce((a, b) => a + b)).toBeGreaterThan(0)
  expect((inputs['labels 1'].data as Int32Array).every((id) => id >= 0)).toBe(true)
})

test('what an objective does not read is not made', () => {
  expect(Object.keys(medusaInputs(batch, states, { ...options, soft: 0 }).inputs)).not.toContain('ahead 1')
  expect(Object.keys(medusaInputs(batch, states, { ...options, soft: 1 }).inputs)).not.toContain('labels 1')
})
