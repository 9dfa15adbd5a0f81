import { expect, test } from 'vitest'
import { bitaInputs } from './step-inputs.ts'
import { tinyRiders } from './tiny.ts'

const { batch, inputs, layout, spec, tokens, tensors } = tinyRiders()
const groups = 3
const block = batch.length + groups * spec.maskCount
const ids = (name: string) => inputs[name].data as Int32Array

test('text first, as it was, then groups of masks that see what the row sees behind which they stand', () => {
  expect(layout).toMatchObject({ sequences: 2, length: block, ridersFrom: batch.length })
  expect(tokens).toBe(batch.tokens.length)
  const table = tensors['target model.embed_tokens.weight'].data as Float32Array
  for (let sequence = 0; sequence < 2; sequence++) {
    for (let i = 0; i < batch.length; i++) {
      const [from, row] = [sequence * batch.length + i, sequence * block + i]
      const parent = batch.parents[from]
      expect(layout.parents[row]).toBe(parent < 0 ? -1 : parent + sequence * (block - batch.length))
      expect(ids('positions')[row]).toBe(batch.positions[from])
      const embedded = inputs.embedded.data.slice(row * spec.hiddenSize, (row + 1) * spec.hiddenSize)
      const token = batch.tokens[from] * spec.hiddenSize
      expect(embedded).toEqual(table.slice(token, token + spec.hiddenSize))
      expect(inputs.shown.data[row * spec.hiddenSize]).toBe(0)
    }
    for (let group = 0; group < groups; group++)
      for (let m = 0; m < spec.maskCount; m++) {
        const row = sequence * block + batch.length + group * spec.maskCount + m
        const above = layout.parents[row]
        expect(above < sequence * block + batch.length).toBe(m === 0)
        if (m > 0) expect(above).toBe(row - 1)
        expect(ids('masks')[row]).toBe(m)
        expect(ids('positions')[row]).toBe(ids('positions')[above] + 1)
        expect(inputs.shown.data[row * spec.hiddenSize]).toBe(1)
        expect(inputs.embedded.data[row * spec.hiddenSize]).toBe(0)
      }
  }
})

test('mask m (from 0) is about the token m + 2 positions behind the row of text', () => {
  let counted = 0
  for (let m = 0; m < spec.maskCount; m++)
    for (let group = 0; group < 2 * groups; group++) {
      const row = ids(`rows ${m}`)[group]
      const sequence = Math.floor(row / block)
      const first = row - m
      const anchor = layout.parents[first] - sequence * (block - batch.length)
      // Token i + 1 of the text is the target of row i.
      const about = anchor + m + 1
      const inside = batch.positions[about] === batch.positions[anchor] + m + 1 && batch.weights[about] > 0
      expect(inputs[`weights ${m}`].data[group]).toBe(inside ? 1 : 0)
      if (!inside) continue
      counted++
      expect(ids(`labels ${m}`)[group]).toBe(batch.targets[about])
    }
  expect(counted).toBeGreaterThan(6)
})

test('which rows carry groups changes from batch to batch, and where there are too few, groups count nothing', () => {
  const options = { spec, embeddings: new Float32Array(spec.vocabSize * spec.hiddenSize), groups }
  const rows = (index: number, more = {}) =>
    bitaInputs({ ...batch, ...more }, { answers: batch.targets }, { ...options, place: { seed: 1, at: [0, index] } })
  const anchors = (made: ReturnType<typeof rows>) => [...made.layout.parents]
  expect(anchors(rows(4))).toEqual(anchors(rows(4)))
  expect(anchors(rows(4))).not.toEqual(anchors(rows(8)))
  const idle = rows(0, { weights: new Float32Array(batch.weights.length) })
  expect([...(idle.inputs['weights 0'].data as Float32Array)].every((weight) => weight === 0)).toBe(true)
})
