import { expect, test } from 'vitest'
import type { TextCodec } from '../checkpoint/index.ts'
import { requireSameVocabulary } from './drafting.ts'

/** As much of a codec as is looked at. */
const codec = (...tokens: (string | undefined)[]) =>
  ({ vocabSize: tokens.length, tokenOf: (id: number) => tokens[id] }) as TextCodec

const check = (target: TextCodec, draft: TextCodec) => () => requireSameVocabulary(target, draft, 'big', 'small')
const refusal = (what: string) =>
  expect.objectContaining({
    code: 'checkpoint',
    message: `small cannot draft for big: ${what} in the target. Choose a draft model with the same tokenizer.`,
  })

test('equal vocabularies may draft for one another, with ids that no token has', () => {
  expect(check(codec('a', 'b'), codec('a', 'b'))).not.toThrow()
  expect(check(codec('a', undefined, 'c'), codec('a', undefined, 'c'))).not.toThrow()
})

test('ids without a token at the end make no difference', () => {
  expect(check(codec('a', 'b'), codec('a', 'b', undefined, undefined))).not.toThrow()
})

test('the first token that differs is named, whichever vocabulary is the longer one', () => {
  expect(check(codec('a', 'b', 'c'), codec('a', 'x', 'y'))).toThrow(refusal('token 1 is "x" there and "b"'))
  expect(check(codec('a', 'b'), codec('a'))).toThrow(refusal('token 1 is no token there and "b"'))
  expect(check(codec('a'), codec('a', 'b'))).toThrow(refusal('token 1 is "b" there and no token'))
  expect(check(codec('a', undefined, 'c'), codec('a', 'b', 'c'))).toThrow(refusal('token 1 is "b" there and no token'))
})

test('a token is quoted, so that spaces and line breaks are seen', () => {
  expect(check(codec('\n'), codec(' '))).toThrow(refusal('token 0 is " " there and "\\n"'))
})
