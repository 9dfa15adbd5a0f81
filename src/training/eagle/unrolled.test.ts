import { expect, test } from 'vitest'
import { GraphBuilder } from '../../graph/index.ts'
import { loadEagleHead, loadTargetModel } from '../../model/index.ts'
import { tinyModel } from '../../model/tiny.ts'
import { referenceExecutor } from '../../runtime/index.ts'
import { memorySource } from '../../tensor/index.ts'
import { eagleObjectiveInputs, unroll } from '../objectives/eagle.ts'
import { tinyHeadStates } from './tiny.ts'

const steps = 3
const executor = referenceExecutor

test.each(['eagle', 'eagle3'] as const)('%s: training sees in step s what drafting sees in guess s', async (kind) => {
  const { spec, tensors, batch, inputs, layout } = tinyHeadStates(kind, steps)
  const g = new GraphBuilder()
  for (const [step, { state, logits }] of unroll(g, spec, eagleObjectiveInputs(g, spec, steps)).entries()) {
    g.output(`state ${step}`, state)
    g.output(`logits ${step}`, logits)
  }
  const trained = await executor.compile(g.build(), memorySource(tensors))
  const unrolled = await trained.run(inputs, { rows: { parents: layout.parents, block: layout.length } })

  // The same head drafts a chain behind each pair of the first document.
  const tiny = tinyModel()
  const target = await loadTargetModel(tiny.spec, tiny.source, { executor, dtype: 'f32' })
  const sources = { spec, head: memorySource(tensors), target, targetSource: tiny.source }
  const model = await loadEagleHead(sources, { executor, dtype: 'f32', top: 4 })
  const text = model.createText()
  const width = inputs.states.shape[1]
  const close = (actual: Float32Array, name: string, row: number) => {
    const size = actual.length
    const expected = (unrolled[name].data as Float32Array).subarray(row * size, (row + 1) * size)
    for (let i = 0; i < size; i++) expect(Math.abs(actual[i] - expected[i]), `${name}, row ${row}`).toBeLessThan(1e-4)
  }
  let end = 1
  while (batch.parents[end] >= 0) end++
  for (let row = 0; row + steps < end; row++) {
    let given = await text.stateOf((inputs.states.data as Float32Array).slice(row * width, (row + 1) * width))
    for (let step = 0; step < steps; step++) {
      const tokens = batch.tokens.slice(row + 1 + step, row + 2 + step)
      const pass = { tokens, states: given, parents: Int32Array.of(step - 1), held: step }
      const { states, logits } = await text.forward(pass, ['logits'])
      close(states, `state ${step}`, row)
      close(logits!, `logits ${step}`, row)
      given = states
    }
    text.commit([0])
    expect(text.length).toBe(row + 1)
  }
})
