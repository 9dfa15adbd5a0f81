import { expect, test } from 'vitest'
import { loadTargetModel } from '../../model/index.ts'
import { tinyModel } from '../../model/tiny.ts'
import { referenceExecutor } from '../../runtime/index.ts'
import { tinyTokens } from '../eagle/tiny.ts'
import { StateReader } from './target-states.ts'

const { spec, source } = tinyModel()
const load = (taps: number[]) => loadTargetModel(spec, source, { executor: referenceExecutor, dtype: 'f32', taps })

test('a row has the states that its document alone would give it', async () => {
  const model = await load([0, 1])
  const batch = tinyTokens(spec.vocabSize, 2, 6)
  const reader = new StateReader(model, [0, 0, 1], 6)
  const { features, taps, answers } = await reader.read(batch)
  reader.dispose()
  const { hiddenSize } = spec
  const rows = batch.tokens.length
  for (let start = 0, end = 1; start < rows; start = end++) {
    while (end < rows && batch.parents[end] >= 0) end++
    const alone = model.createTarget()
    const tokens = batch.tokens.slice(start, end)
    const outputs = await alone.forward(
      { tokens, parents: tokens.map((_, i) => i - 1) },
      { head: 'argmax', features: true, taps: [0, 1] },
    )
    alone.dispose()
    expect(features.slice(start * hiddenSize, end * hiddenSize)).toEqual(outputs.features)
    expect(answers.slice(start, end)).toEqual(outputs.argmax)
    for (let row = 0; row < end - start; row++) {
      const [low, high] = outputs.taps!.map((tap) => tap.slice(row * hiddenSize, (row + 1) * hiddenSize))
      const at = (start + row) * 3 * hiddenSize
      expect(taps.slice(at, at + 3 * hiddenSize)).toEqual(Float32Array.of(...low, ...low, ...high))
    }
  }
  await model.dispose()
})

test('sequences longer than the context are refused', async () => {
  const model = await load([])
  expect(() => new StateReader(model, [], spec.contextLength + 1)).toThrow('shorten them')
  await model.dispose()
})
