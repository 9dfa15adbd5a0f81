import { expect, test } from 'vitest'
import { GraphBuilder } from '../../graph/index.ts'
import { memorySource } from '../../tensor/memory.ts'
import { chooseExecutor } from '../choose.ts'
import type { Executable } from '../executor.ts'
import { nativeExecutor } from './executor.ts'

const built = chooseExecutor().executor.name === 'native'
const source = memorySource({ w: { dtype: 'f32', shape: [16, 16], data: new Float32Array(256).fill(0.5) } })

function graph() {
  const g = new GraphBuilder()
  g.output('y', g.linear(g.input('x', 'f32', ['rows', 16]), g.weight('w', [16, 16], 'f32')))
  return g.build()
}

const sumOf = async (executable: Executable) => {
  const x = { dtype: 'f32', shape: [1, 16], data: new Float32Array(16).fill(1) } as const
  return (await executable.run({ x })).y.data[0]
}

test.runIf(built)('programs of one executor outlive one another, whichever is disposed of first', async () => {
  const executor = nativeExecutor({ threads: 2 })
  const [a, b] = [await executor.compile(graph(), source), await executor.compile(graph(), source)]
  await a.dispose()
  await a.dispose()
  expect(await sumOf(b)).toBe(8)
  await b.dispose()
  // A team that was let go comes back.
  const c = await executor.compile(graph(), source)
  expect(await sumOf(c)).toBe(8)
  await c.dispose()
})
