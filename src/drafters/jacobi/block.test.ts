import { expect, test } from 'vitest'
import { passCosts } from '../../decoding/index.ts'
import { chooseBlock } from './block.ts'

test.each<[string, number, (readonly [number, number])[]]>([
  ['rows that cost nothing', 16, [[32, 1]]],
  ['rows that cost a pass each', 2, [[32, 32]]],
  [
    'a tenth more at five rows',
    5,
    [
      [5, 1.1],
      [6, 1.2],
    ],
  ],
  ['nothing to tell yet', 16, []],
])('%s make a block of %i', (_, block, points) => {
  expect(chooseBlock(passCosts(1, points))).toBe(block)
})
