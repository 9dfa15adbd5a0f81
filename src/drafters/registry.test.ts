import { describe, expect, test } from 'vitest'
import { begun, emitting } from '../decoding/tiny.ts'
import type { DrafterContext } from './context.ts'
import { allDrafters, drafterNames, parseDrafterName, readDrafter } from './registry.ts'
import { tinyContext, tinyPair } from './tiny.ts'

const create = async (name: string) => {
  const { target, draft } = await tinyPair()
  return readDrafter(name)(tinyContext(target, draft))
}

test.each([
  ['none', { name: 'none' }],
  ['prompt-lookup:10', { name: 'prompt-lookup', variant: '10' }],
  ['eagle=models/head', { name: 'eagle', path: 'models/head' }],
  ['eagle:static=C:\\models=new', { name: 'eagle', variant: 'static', path: 'C:\\models=new' }],
  ['a:b:c', { name: 'a', variant: 'b:c' }],
  ['a:=', { name: 'a', variant: '', path: '' }],
  ['', { name: '' }],
])('%j is taken apart into name, variant and path', (text, parts) => {
  expect(parseDrafterName(text)).toEqual(parts)
})

test('every drafter has a name and a line about it, and can be made by its name', async () => {
  const { target, draft } = await tinyPair()
  for (const [name, about] of drafterNames) {
    expect(about).not.toBe('')
    expect(parseDrafterName((await readDrafter(name)(tinyContext(target, draft))).name).name).toBe(name)
  }
  expect(new Set(allDrafters.map((name) => parseDrafterName(name).name))).toEqual(
    new Set(drafterNames.map(([name]) => name)),
  )
})

test('none guesses nothing', async () => {
  const { tree } = await (await create('none')).propose(5, { rows: 8 })
  expect([...tree.tokens]).toEqual([5])
})

test('the variant of prompt-lookup is the number of guesses', async () => {
  const drafter = await create('prompt-lookup:2')
  await drafter.start(begun([1, 2, 3, 4, 5, 1, 2]))
  expect([...(await drafter.propose(2, { rows: 8 })).tree.tokens]).toEqual([2, 3, 4])
})

test('jacobi and lookahead take their sizes from the name, or from what passes cost', async () => {
  for (const name of ['jacobi:7', 'jacobi:7+ngrams', 'lookahead:4-3-2']) expect((await create(name)).name).toBe(name)
  expect((await create('jacobi')).name).toMatch(/^jacobi:\d+$/)
  expect((await create('jacobi:ngrams')).name).toMatch(/^jacobi:\d+\+ngrams$/)
  expect((await create('lookahead')).name).toMatch(/^lookahead:\d+-\d+-\d+$/)
})

test('drafters of a head are named after their trees, and wide trees open it with more of its likeliest tokens', async () => {
  const tops: number[] = []
  const { target, draft } = await tinyPair()
  const context = tinyContext(target, draft)
  const watching: DrafterContext = {
    ...context,
    openEagleHead(path, beside, options) {
      expect([path, beside]).toEqual(['models/x', options.kind])
      tops.push(options.top)
      return context.openEagleHead(path, beside, options)
    },
  }
  for (const name of ['eagle', 'eagle:full', 'eagle:8', 'eagle2', 'eagle2:9-3-40', 'eagle3', 'eagle3:60-7-10'])
    expect((await readDrafter(`${name}=models/x`)(watching)).name).toBe(name)
  expect(tops).toEqual([32, 32, 32, 32, 40, 32, 32])
})

test('prompt-lookup guesses as far as a policy says', async () => {
  const drafter = await create('prompt-lookup:heuristic-3')
  expect(drafter.name).toBe('prompt-lookup:heuristic')
  await drafter.start(begun([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2]))
  expect([...(await drafter.propose(2, { rows: 64 })).tree.tokens]).toEqual([2, 3, 4, 5])
  await drafter.observe(emitting(3, 4, 5, 6))
  expect([...(await drafter.propose(6, { rows: 64 })).tree.tokens]).toEqual([6, 7, 8, 9, 1, 2])
})

describe('a name that means nothing is an error of code argument', () => {
  test.each<[string, RegExp]>([
    ['', /no drafter "", expected one of none, prompt-lookup, draft/],
    ['hydra', /no drafter "hydra"/],
    ['constructor', /no drafter "constructor"/],
    ['None', /no drafter "None"/],
    ['none:2', /drafter "none:2": none takes no variant \("2"\)/],
    ['none=models/x', /drafter "none=models\/x": none takes no path \("models\/x"\)/],
    ['prompt-lookup=models/x', /prompt-lookup takes no path/],
    ['prompt-lookup:3=models/x', /prompt-lookup takes no path/],
    ['prompt-lookup:confidence', /or a policy, one of cost-aware, constant, heuristic; the others look at prob/],
    ['prompt-lookup:constant-0', /drafter "prompt-lookup:constant-0": expected a whole number of guesses/],
    ['draft:disco-7', /drafter "draft:disco-7": expected a threshold from 0 to 1/],
    ['prompt-lookup:x', /drafter "prompt-lookup:x": expected a whole number of guesses, such as prompt-lookup:10/],
    ...['0', '1', '', 'x', '2.5', '4+', '4+n', '+ngrams', '4+ngrams+ngrams'].map((variant): [string, RegExp] => [
      `jacobi:${variant}`,
      /expected a whole number of rows of at least 2, such as jacobi:8/,
    ]),
    ...['4', '4-3', '4-3-4-2', '0-3-4', '4-1-4', '4-3-0', '4-3-', ''].map((variant): [string, RegExp] => [
      `lookahead:${variant}`,
      /expected window, n-gram size \(at least 2\) and guesses, such as lookahead:4-3-4/,
    ]),
    ...['0', '26', '2.5', 'static', ''].map((variant): [string, RegExp] => [
      `eagle:${variant}`,
      /expected full, or a number of guesses from 1 to 25, such as eagle:8/,
    ]),
    ...['60', '1-6-10', '60-0-10', '60-6-0', '60-6', '60-6-10-2', ''].map((variant): [string, RegExp] => [
      `eagle2:${variant}`,
      /expected rows of a pass \(at least 2\), depth and children of a node, such as eagle2:60-6-10/,
    ]),
    ...['0', '64', '2.5', 'static', ''].map((variant): [string, RegExp] => [
      `medusa:${variant}`,
      /expected full, or a number of guesses from 1 to 63, such as medusa:8/,
    ]),
    ['bita:full', /expected bita or bita:comb/],
    ['eagle3:x', /such as eagle3:60-7-10/],
    ['jacobi=models/x', /jacobi takes no path/],
    ['lookahead=models/x', /lookahead takes no path/],
    ...['0', '', '-1', '1.5', '1e1', ' 7'].map((variant): [string, RegExp] => [
      `prompt-lookup:${variant}`,
      /expected a whole number of guesses/,
    ]),
  ])('%j', (text, message) => {
    expect(() => readDrafter(text)).toThrow(
      expect.objectContaining({ code: 'argument', message: expect.stringMatching(message) }),
    )
  })
})
