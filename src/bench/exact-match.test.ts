import { expect, test } from 'vitest'
import { countEqual } from './exact-match.ts'

test('answers are equal where case and white space alone differ, and the model ended them', () => {
  const sample = (task: string, response: string, expected: string, ended = true) => ({
    ...{ task, response, expected, ended, prompt: '' },
  })
  const samples = [
    sample('sql', "SELECT a FROM data WHERE b = 'x'", "select a\n FROM data WHERE b = 'X' "),
    sample('sql', 'SELECT a FROM data', 'SELECT b FROM data'),
    sample('math', '4', '4', false),
    sample('sql', 'SELECT a FROM data', 'SELECTa FROM data'),
    sample('math', ' 4', '4'),
  ]
  expect(countEqual(samples)).toEqual([
    { task: 'sql', answers: 3, equal: 1 },
    { task: 'math', answers: 2, equal: 1 },
  ])
})
