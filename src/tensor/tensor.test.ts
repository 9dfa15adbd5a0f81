import { expect, test } from 'vitest'
import { viewAs } from './dtype.ts'
import { elementCount, tensor, zeros } from './tensor.ts'

test('a scalar has one element, a tensor with a zero dimension none', () => {
  expect(elementCount([])).toBe(1)
  expect(elementCount([3, 0, 2])).toBe(0)
  expect(zeros('f32', []).data.length).toBe(1)
})

test('data whose length is not the product of the shape is refused', () => {
  expect(() => tensor('f32', [2, 2], new Float32Array(3))).toThrow(expect.objectContaining({ code: 'shape' }))
})

test('bytes at an unaligned offset are viewed through a copy, aligned ones are not copied', () => {
  const bytes = new Uint8Array(12)
  new DataView(bytes.buffer).setFloat32(1, 1.5, true)
  new DataView(bytes.buffer).setFloat32(8, 2.5, true)
  expect([...viewAs('f32', bytes.subarray(1, 5))]).toEqual([1.5])
  const aligned = viewAs('f32', bytes.subarray(8, 12))
  expect([...aligned]).toEqual([2.5])
  expect(aligned.buffer).toBe(bytes.buffer)
})
