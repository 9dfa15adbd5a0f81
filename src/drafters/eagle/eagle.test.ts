import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { EagleKind } from '../../checkpoint/index.ts'
import type { Draft, Drafter } from '../../decoding/index.ts'
import { begun } from '../../decoding/tiny.ts'
import type { EagleHeadModel, TargetModel } from '../../model/index.ts'
import { none } from '../none.ts'
import { run, tinyPair, tinyTarget, tokensOf } from '../tiny.ts'
import { dynamicTree } from './dynamic-tree.ts'
import { eagle } from './eagle.ts'
import { staticGrowth } from './static-growth.ts'
import { publishedPaths, shapeOf } from './static-tree.ts'
import { tinyHead, tinyStates } from './tiny.ts'

const prompt = [5, 9, 2, 33, 5, 9, 2]
const kinds: EagleKind[] = ['eagle', 'eagle3']
const growths = {
  dynamic: () => dynamicTree({ rows: 9, depth: 3, width: 3 }),
  static: () => staticGrowth(shapeOf(publishedPaths), 8),
}

let target: TargetModel
const heads = {} as Record<EagleKind, EagleHeadModel>
beforeAll(async () => {
  ;({ target } = await tinyPair())
  for (const kind of kinds) heads[kind] = await tinyHead(kind, target, tinyTarget().source)
})

async function begin(drafter: Drafter, kind: EagleKind, tokens: readonly number[]) {
  await drafter.start({ ...begun(tokens), states: await tinyStates(kind, target, tokens.slice(0, -1)) })
}

const shown = ({ tree, forwards }: Draft) => ({ tokens: [...tree.tokens], parents: [...tree.parents], forwards })

/** Answers a draft: a random path of it is accepted, then comes a token of no child. */
async function answer(drafter: Drafter, kind: EagleKind, text: number[], { tree }: Draft, choices: readonly number[]) {
  const path = [0]
  for (const choice of choices) {
    const children = [...tree.children(path[path.length - 1])]
    if (children.length === 0) break
    path.push(children[choice % children.length])
  }
  const guesses = new Set([...tree.children(path[path.length - 1])].map((row) => tree.tokens[row]))
  let bonus = choices.reduce((sum, choice) => sum + choice, 7) % 64
  while (guesses.has(bonus)) bonus = (bonus + 1) % 64
  const emitted = [...path.slice(1).map((row) => tree.tokens[row]), bonus]
  const whole = await tinyStates(kind, target, [...text, ...emitted.slice(0, -1)])
  const width = whole.length / (text.length + emitted.length - 1)
  const states = whole.slice(width * (text.length - 1))
  await drafter.observe({ path, bonus, emitted, states, draw: () => 0 })
  text.push(...emitted)
}

describe.each(kinds)('%s', (kind) => {
  test.each([
    'dynamic',
    'static',
  ] as const)('after any steps a %s tree is that of a drafter begun anew', async (name) => {
    const steps = fc.array(
      fc.record({ rows: fc.integer({ min: 1, max: 12 }), choices: fc.array(fc.nat(5), { maxLength: 4 }) }),
      { minLength: 1, maxLength: 5 },
    )
    const drafter = eagle(name, heads[kind], growths[name]())
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(63), { minLength: 1, maxLength: 6 }), steps, async (prompt, steps) => {
        const text = [...prompt]
        await begin(drafter, kind, text)
        for (const { rows, choices } of steps) {
          const draft = await drafter.propose(text[text.length - 1], { rows })
          await answer(drafter, kind, text, draft, choices)
        }
        const fresh = eagle(name, heads[kind], growths[name]())
        await begin(fresh, kind, text)
        const root = text[text.length - 1]
        expect(shown(await drafter.propose(root, { rows: 12 }))).toEqual(shown(await fresh.propose(root, { rows: 12 })))
        fresh.dispose!()
      }),
      { seed: 5, numRuns: 12 },
    )
  })

  test('a text of one token has no pair to go on from: the first guesses come in the second step', async () => {
    const drafter = eagle('eagle', heads[kind], growths.static())
    const text = [3]
    await begin(drafter, kind, text)
    const draft = await drafter.propose(3, { rows: 9 })
    expect(shown(draft)).toEqual({ tokens: [3], parents: [-1], forwards: undefined })
    await answer(drafter, kind, text, draft, [])
    expect((await drafter.propose(text[1], { rows: 9 })).tree.size).toBe(9)
  })

  test('guesses as far as the context of the head has room, then no more, and the text goes on', async () => {
    const narrow = { ...heads[kind], createText: () => heads[kind].createText(20) }
    const drafter = eagle('eagle', narrow, growths.dynamic())
    const steps = await run(target, drafter, prompt)
    expect(tokensOf(steps)).toEqual(tokensOf(await run(target, none(), prompt)))
    expect(steps[0].depth).toBeGreaterThan(1)
    // A full cache holds the root; its children need no pass of their own.
    expect(steps.some(({ draftForwards, depth }) => draftForwards === 1 && depth === 1)).toBe(true)
    expect(steps.slice(-5).every(({ draftForwards, depth }) => draftForwards === 0 && depth === 0)).toBe(true)
    const long = Array.from({ length: 30 }, (_, i) => i)
    expect((await run(target, drafter, long)).every(({ depth }) => depth === 0)).toBe(true)
    await begin(drafter, kind, prompt)
    expect((await drafter.propose(2, { rows: 9 })).tree.size).toBe(9)
  })

  test('counts passes of the head: one over what was decided, and one for each further level', async () => {
    const drafter = eagle('eagle', heads[kind], growths.dynamic())
    await begin(drafter, kind, prompt)
    expect((await drafter.propose(2, { rows: 9 })).forwards).toBe(3)
    expect((await drafter.propose(2, { rows: 1 })).forwards).toBeUndefined()
  })
})

test('a prompt of many pairs is read in pieces, and what the text before began with is not read again', async () => {
  const rows: number[] = []
  const watched: EagleHeadModel = {
    ...heads.eagle,
    createText() {
      const text = heads.eagle.createText(1000)
      const forward = text.forward.bind(text)
      text.forward = (pass, head) => {
        rows.push(head.length === 0 ? pass.tokens.length : -pass.tokens.length)
        return forward(pass, head)
      }
      return text
    },
  }
  const drafter = eagle('eagle', watched, growths.dynamic())
  const long = Array.from({ length: 600 }, (_, i) => (i * 7) % 64)
  const states = Float32Array.from({ length: 599 * 32 }, (_, i) => Math.sin(i))
  await drafter.start({ ...begun(long), states })
  // The last pair waits: its pass tells what comes next.
  expect(rows).toEqual([256, 256, 86])
  const first = await drafter.propose(long[599], { rows: 2 })
  expect(rows.slice(3)).toEqual([-1])
  await drafter.start({ ...begun(long), states })
  expect(shown(await drafter.propose(long[599], { rows: 2 }))).toEqual(shown(first))
  expect(rows.slice(4)).toEqual([-1])
  const other = [...long.slice(0, 590), 1, 2, 3]
  await drafter.start({ ...begun(other), states: states.slice(0, 592 * 32) })
  expect(rows.slice(5)).toEqual([2])
})
