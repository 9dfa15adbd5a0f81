import { expect, it } from 'vitest'
import { philox4x32 } from './philox.ts'

// The vectors for philox4x32 with 10 rounds in Random123's kat_vectors file: counter, key, output.
it.each([
  ['00000000 00000000 00000000 00000000', '00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff', 'ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344', 'a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
])('Philox4x32-10 gives the published answer for counter %s, key %s', (counter, key, answer) => {
  const [c0, c1, c2, c3] = words(counter)
  const [k0, k1] = words(key)
  const out = new Uint32Array(4)
  philox4x32(out, c0, c1, c2, c3, k0, k1)
  expect([...out]).toEqual(words(answer))
})

function words(text: string): number[] {
  return text.split(' ').map((word) => Number.parseInt(word, 16))
}
