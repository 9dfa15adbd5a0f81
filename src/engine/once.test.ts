import { expect, test } from 'vitest'
import { once } from './once.ts'

test('makes it once for all who ask, and again where it could not be made', async () => {
  let calls = 0
  const get = once(async () => {
    if (++calls === 1) throw new Error('not yet')
    return calls
  })
  const [first, second] = [get(), get()]
  await expect(first).rejects.toThrow('not yet')
  await expect(second).rejects.toThrow('not yet')
  expect(await Promise.all([get(), get()])).toEqual([2, 2])
  expect(await get()).toBe(2)
})
