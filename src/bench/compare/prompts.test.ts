import { expect, test } from 'vitest'
import { benchPrompts } from './prompts.ts'

const codec = {
  encode: (text: string) => [...text].map((character) => character.charCodeAt(0)),
  encodeChat: ([{ content }]: readonly { content: string }[]) => [...`<${content}>`].map((c) => c.charCodeAt(0)),
}
const questions = [
  { id: 1, category: 'a', turns: ['first', 'second'] },
  { id: 2, category: 'a', turns: ['a question that is long'] },
  { id: 3, category: 'b', turns: ['x'] },
  { id: 4, category: 'a', turns: ['y'] },
  { id: 5, category: 'a', turns: ['z'] },
]

test('the first turn of so many questions a task is asked, of those that leave room', () => {
  const { prompts, ...counts } = benchPrompts(questions, { codec, chat: false, contextLength: 20, perTask: 2 })
  expect(prompts.map(({ task, ids }) => [task, String.fromCharCode(...ids)])).toEqual([
    ['a', 'first'],
    ['b', 'x'],
    ['a', 'y'],
  ])
  expect(counts).toEqual({ cutToFirstTurn: 1, tooLong: 1 })
})

test('as the turn of a conversation where the model knows such', () => {
  const { prompts } = benchPrompts(questions.slice(2, 3), { codec, chat: true, contextLength: 20 })
  expect(String.fromCharCode(...prompts[0].ids)).toBe('<x>')
})
