import { expect, test } from 'vitest'
import { allDrafters } from '../../drafters/index.ts'
import { tinyContext, tinyPair } from '../../drafters/tiny.ts'
import { readContestants } from './contestants.ts'

test('all is every drafter there is, each once; one that is named has to be there', () => {
  const contestants = readContestants(['draft:constant', 'all', 'draft:oracle=small', 'draft:constant'])
  const names = contestants.map(({ name }) => name)
  expect(new Set(names)).toEqual(new Set([...allDrafters, 'draft:constant', 'draft:oracle=small']))
  expect(names).toHaveLength(new Set(names).size)
  for (const { name, optional } of contestants)
    expect([name, optional]).toEqual([name, name !== 'draft:constant' && name !== 'draft:oracle=small'])
})

test('the oracle knows the text of each prompt, others are the same drafter for all', async () => {
  const { target, draft } = await tinyPair()
  const [oracle, constant] = await Promise.all(
    readContestants(['draft:oracle', 'draft:constant-2']).map((one) => one.prepare(tinyContext(target, draft))),
  )
  expect([oracle.needsTruth, constant.needsTruth]).toEqual([true, false])
  expect(oracle.drafterOf([1])).not.toBe(oracle.drafterOf([1]))
  expect(oracle.drafterOf([1]).name).toBe('draft:oracle')
  expect(constant.drafterOf([1])).toBe(constant.drafterOf([2]))
})

test.each([[['hydra']], [['draft:constant-0']], [['draft:oracle-3']], [['none=x']]])('%j is refused', (names) => {
  expect(() => readContestants(names)).toThrow(expect.objectContaining({ code: 'argument' }))
})
