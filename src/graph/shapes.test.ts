import { describe, expect, test } from 'vitest'
import type { DType } from '../tensor/index.ts'
import { GraphBuilder } from './builder.ts'
import type { Shape, Value, Weight } from './types.ts'

/** The builder, and short words for inputs and weights of a shape. */
function writing() {
  const g = new GraphBuilder()
  const input = (shape: Shape, dtype: DType = 'f32'): Value => g.input('x', dtype, shape)
  const weight = (...shape: number[]): Weight => g.weight('w', shape)
  return { g, input, weight }
}
type Writing = ReturnType<typeof writing>

const rope = { frequencies: Float64Array.of(1, 0.1), scale: 1 }
const attention = { cache: 0, scale: 1, window: null }

const accepted: [what: string, write: (w: Writing) => Value | Value[], types: string[]][] = [
  ['linear', ({ g, input, weight }) => g.linear(input(['rows', 4]), weight(6, 4)), ['f32 rows,6']],
  ['linear with a bias', ({ g, input, weight }) => g.linear(input([3, 4]), weight(6, 4), weight(6)), ['f32 3,6']],
  ['linear over heads', ({ g, input, weight }) => g.linear(input(['rows', 2, 4]), weight(6, 4)), ['f32 rows,2,6']],
  ['rmsNorm', ({ g, input, weight }) => g.rmsNorm(input(['rows', 2, 4]), weight(4), 1e-5), ['f32 rows,2,4']],
  ['rope', ({ g, input }) => g.rope(input(['rows', 2, 4]), input(['rows'], 'i32'), rope), ['f32 rows,2,4']],
  [
    'attention',
    ({ g, input }) =>
      g.attention(input(['rows', 6, 8]), input(['rows', 2, 8]), input(['rows', 2, 8]), { ...attention, window: 3 }),
    ['f32 rows,48'],
  ],
  ['silu', ({ g, input }) => g.silu(input(['rows', 4])), ['f32 rows,4']],
  ['siluMul', ({ g, input }) => g.siluMul(input(['rows', 4]), input(['rows', 4])), ['f32 rows,4']],
  ['add', ({ g, input }) => g.add(input(['rows', 4]), input(['rows', 4])), ['f32 rows,4']],
  ['split', ({ g, input }) => g.split(input(['rows', 7]), [1, 4, 2]), ['f32 rows,1', 'f32 rows,4', 'f32 rows,2']],
  ['concat', ({ g, input }) => g.concat([input(['rows', 3]), input(['rows', 5])]), ['f32 rows,8']],
  ['reshape', ({ g, input }) => g.reshape(input(['rows', 12]), ['rows', 3, 4]), ['f32 rows,3,4']],
  ['reshape of indices', ({ g, input }) => g.reshape(input([2, 6], 'i32'), [3, 4]), ['i32 3,4']],
  ['argmax', ({ g, input }) => g.argmax(input(['rows', 4])), ['i32 rows']],
  [
    'topK',
    ({ g, input }) => {
      const { values, indices } = g.topK(input(['rows', 4]), 4)
      return [values, indices]
    },
    ['f32 rows,4', 'i32 rows,4'],
  ],
  ['softmax', ({ g, input }) => g.softmax(input(['rows', 4])), ['f32 rows,4']],
  ['logSoftmax', ({ g, input }) => g.logSoftmax(input(['rows', 4])), ['f32 rows,4']],
]

const refused: [what: string, write: (w: Writing) => unknown, message: RegExp][] = [
  [
    'a concat of other rows',
    ({ g, input }) => g.concat([input(['rows', 3]), input([4, 3])]),
    /concat: f32 \[rows,3\], f32 \[4,3\] differ before the last dimension/,
  ],
  [
    'a concat of indices',
    ({ g, input }) => g.concat([input(['rows', 3]), input(['rows', 3], 'i32')]),
    /concat: f32 \[rows,3\], i32 \[rows,3\] are not all f32/,
  ],
  [
    'a linear weight that is no matrix',
    ({ g, input, weight }) => g.linear(input(['rows', 4]), weight(4)),
    /linear: expected 2 dimensions, got f32 \[4\]/,
  ],
  [
    'a linear input of another width',
    ({ g, input, weight }) => g.linear(input(['rows', 4]), weight(4, 5)),
    /linear: input f32 \[rows,4\] does not fit weight f32 \[4,5\]/,
  ],
  [
    'a bias of another width',
    ({ g, input, weight }) => g.linear(input(['rows', 4]), weight(6, 4), weight(4)),
    /linear: bias f32 \[4\] does not fit weight f32 \[6,4\]/,
  ],
  [
    'a gain of another width',
    ({ g, input, weight }) => g.rmsNorm(input(['rows', 4]), weight(3), 1e-5),
    /rmsNorm: gain f32 \[3\] does not fit f32 \[rows,4\]/,
  ],
  [
    'rope of rows without heads',
    ({ g, input }) => g.rope(input(['rows', 4]), input(['rows'], 'i32'), rope),
    /rope: expected 3 dimensions/,
  ],
  [
    'positions that are not whole numbers',
    ({ g, input }) => g.rope(input(['rows', 2, 4]), input(['rows']), rope),
    /rope: positions f32 \[rows\] for f32 \[rows,2,4\]/,
  ],
  [
    'positions of other rows',
    ({ g, input }) => g.rope(input(['rows', 2, 4]), input(['others'], 'i32'), rope),
    /rope: positions i32 \[others\]/,
  ],
  [
    'frequencies for another head size',
    ({ g, input }) => g.rope(input(['rows', 2, 6]), input(['rows'], 'i32'), rope),
    /rope: 2 frequencies for f32 \[rows,2,6\]/,
  ],
  [
    'attention without heads',
    ({ g, input }) => g.attention(input(['rows', 8]), input(['rows', 8]), input(['rows', 8]), attention),
    /attention: expected 3 dimensions/,
  ],
  [
    'values unlike the keys',
    ({ g, input }) => g.attention(input(['rows', 4, 8]), input(['rows', 2, 8]), input(['rows', 4, 8]), attention),
    /attention: q .*, k f32 \[rows,2,8\], v f32 \[rows,4,8\]/,
  ],
  [
    'keys of other rows than the queries',
    ({ g, input }) => g.attention(input(['rows', 4, 8]), input([3, 2, 8]), input([3, 2, 8]), attention),
    /attention: q f32 \[rows,4,8\], k f32 \[3,2,8\]/,
  ],
  [
    'keys of another size than the queries',
    ({ g, input }) => g.attention(input(['rows', 4, 8]), input(['rows', 2, 6]), input(['rows', 2, 6]), attention),
    /attention: q f32 \[rows,4,8\], k f32 \[rows,2,6\]/,
  ],
  [
    'query heads that key heads cannot share evenly',
    ({ g, input }) => g.attention(input(['rows', 4, 8]), input(['rows', 3, 8]), input(['rows', 3, 8]), attention),
    /attention: 4 query heads do not share 3 key heads evenly/,
  ],
  [
    'siluMul of two shapes',
    ({ g, input }) => g.siluMul(input(['rows', 4]), input(['rows', 5])),
    /siluMul: f32 \[rows,4\] and f32 \[rows,5\] differ/,
  ],
  ['a sum of two shapes', ({ g, input }) => g.add(input(['rows', 4]), input(['rows'])), /add: .* differ/],
  [
    'pieces that do not add up',
    ({ g, input }) => g.split(input(['rows', 7]), [3, 3]),
    /split: sizes 3,3 do not add up to the last dimension of f32 \[rows,7\]/,
  ],
  [
    'a reshape to another number of elements',
    ({ g, input }) => g.reshape(input(['rows', 12]), ['rows', 3, 5]),
    /reshape: f32 \[rows,12\] to \[rows,3,5\]/,
  ],
  [
    'a reshape that loses the symbolic size',
    ({ g, input }) => g.reshape(input(['rows', 12]), [1, 12]),
    /reshape: f32 \[rows,12\] to \[1,12\]/,
  ],
  ['more of the largest than there are', ({ g, input }) => g.topK(input(['rows', 4]), 5), /topK: k = 5 of/],
  ['none of the largest', ({ g, input }) => g.topK(input(['rows', 4]), 0), /topK: k = 0 of/],
  ['half of the largest', ({ g, input }) => g.topK(input(['rows', 4]), 1.5), /topK: k = 1.5 of/],
]

describe('a rule tells the type of what an operation makes', () => {
  test.each(accepted)('%s', (_, write, types) => {
    const made = [write(writing())].flat()
    expect(made.map(({ dtype, shape }) => `${dtype} ${shape}`)).toEqual(types)
  })
})

describe('a rule refuses', () => {
  test.each(refused)('%s', (_, write, message) => {
    expect(() => write(writing())).toThrow(
      expect.objectContaining({ code: 'shape', message: expect.stringMatching(message) }),
    )
  })
})
