import { describe, expect, test } from 'vitest'
import { randomCheckpoint, type TextCodec } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { promptsForModel } from './texts.ts'

const { text } = randomCheckpoint('llama-tiny', 1)
const question = (id: number, category: string, ...turns: string[]) => ({ id, category, turns })
const idsOf = (written: string) => [256, ...Buffer.from(written)]

describe('the prompts of a suite', () => {
  const suite = [question(1, 'a', 'x'), question(2, 'b', 'y', 'more'), question(3, 'a', 'z'), question(4, 'a', 'w')]

  test('are the first questions of each category, plain text where there is no chat template', () => {
    expect(promptsForModel(suite, text, 512, 2)).toEqual([
      { id: 1, category: 'a', ids: idsOf('x') },
      { id: 2, category: 'b', ids: idsOf('y') },
      { id: 3, category: 'a', ids: idsOf('z') },
    ])
    expect(promptsForModel(suite, text, 512).length).toBe(4)
  })

  test('are turns of a conversation where there is one', () => {
    const chat: TextCodec = { ...text, encodeChat: ([{ role, content }]) => idsOf(`${role}: ${content}`) }
    expect(promptsForModel(suite, chat, 512, 1)[0].ids).toEqual(idsOf('user: x'))
  })

  test('leave room for an answer: others take the place of those that do not', () => {
    const long = [question(1, 'a', 'x'.repeat(9)), question(2, 'a', 'x'.repeat(8))]
    expect(promptsForModel(long, text, 10, 1).map(({ id }) => id)).toEqual([2])
    expect(() => promptsForModel(long, text, 9)).toThrow(
      expect.objectContaining({ code: 'context', message: expect.stringContaining('context of 9 tokens') }),
    )
  })

  test('with a template that fails are not taken for plain text', () => {
    const failing: TextCodec = {
      ...text,
      encodeChat: () => {
        throw new PacelineError('format', 'not valid Jinja')
      },
    }
    expect(() => promptsForModel(suite, failing, 512)).toThrow('not valid Jinja')
  })
})
