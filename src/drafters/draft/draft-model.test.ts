import { beforeAll, describe, expect, test, vi } from 'vitest'
import { createSampler, type Prefilled, type SamplingOptions, TokenHistory } from '../../decoding/index.ts'
import { begun } from '../../decoding/tiny.ts'
import { loadTargetModel, type Target, type TargetModel } from '../../model/index.ts'
import { tinyModel } from '../../model/tiny.ts'
import { referenceExecutor } from '../../runtime/index.ts'
import { none } from '../none.ts'
import { constant, type Guess, type Policy } from '../policies/index.ts'
import { run, tinyPair, tokensOf } from '../tiny.ts'
import { draftModel, draftTop } from './draft-model.ts'

const prompt = [5, 9, 2, 33, 5, 9, 2]
let target: TargetModel
let draft: TargetModel
beforeAll(async () => {
  ;({ target, draft } = await tinyPair())
})

/** Always so many guesses, which it keeps. */
function recording(count: number): Policy & { guesses: readonly Guess[] } {
  return {
    ...constant(count),
    guesses: [],
    continueDrafting(state) {
      this.guesses = state.guesses
      return state.guesses.length < count
    },
  }
}

/** The same model, with the targets that it makes and the rows that they were given. */
function watched(model: TargetModel, capacity?: number) {
  const targets: Target[] = []
  let rows = 0
  const watching: TargetModel = {
    ...model,
    createTarget() {
      const made = model.createTarget(capacity)
      const forward = made.forward.bind(made)
      vi.spyOn(made, 'forward').mockImplementation((pass, want) => {
        rows += pass.tokens.length
        return forward(pass, want)
      })
      targets.push(made)
      return made
    },
  }
  return { model: watching, targets, rows: () => rows }
}

const guessesOf = async (drafter: ReturnType<typeof draftModel>, root: number, rows = 64) =>
  [...(await drafter.propose(root, { rows })).tree.tokens].slice(1)

describe('the guesses', () => {
  test('are what the draft model itself would write on', async () => {
    const drafter = draftModel(draft, constant(12))
    await drafter.start(begun(prompt))
    const own = tokensOf(await run(draft, none(), prompt, { maxTokens: 12 }))
    expect(await guessesOf(drafter, 2)).toEqual(own)
  })

  test('drawn with the noise of the target are what the draft model would write on with its seed', async () => {
    const sampling = { temperature: 1, seed: 4, frequencyPenalty: 1 }
    const drafter = draftModel(draft, constant(12))
    await drafter.start(begun(prompt, sampling))
    const own = tokensOf(await run(draft, none(), prompt, { maxTokens: 12, sampling }))
    expect(await guessesOf(drafter, 2)).toEqual(own)
  })

  test('are as many as policy, budget and the most allow, with a pass each', async () => {
    const counts = []
    for (const [policy, maxGuesses, rows] of [
      [5, 16, 64],
      [5, 3, 64],
      [5, 16, 3],
      [5, 16, 1],
    ] as const) {
      const drafter = draftModel(draft, constant(policy), { maxGuesses })
      await drafter.start(begun(prompt))
      const { tree, forwards } = await drafter.propose(2, { rows })
      expect(forwards).toBe(tree.size - 1)
      counts.push(forwards)
    }
    expect(counts).toEqual([5, 3, 2, 0])
  })

  test('come with their probabilities, of the distribution before temperature and filters', async () => {
    for (const sampling of [{}, { temperature: 2, topK: 5, seed: 3 }]) {
      const policy = recording(3)
      const drafter = draftModel(draft, policy)
      await drafter.start(begun(prompt, sampling))
      await drafter.propose(2, { rows: 64 })
      expect(policy.guesses).toHaveLength(3)
      for (const [i, { token, confidence }] of policy.guesses.entries()) {
        const q = await distributionAfter([...prompt, ...policy.guesses.slice(0, i).map((guess) => guess.token)])
        const top = [...q].sort((a, b) => b - a).slice(0, draftTop)
        expect(confidence!.probability).toBeCloseTo(q[token], 5)
        for (const [j, probability] of top.entries()) expect(confidence!.top[j]).toBeCloseTo(probability, 5)
        const rest = 1 - top.reduce((a, b) => a + b)
        const entropy = [...top, rest].reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0)
        expect(confidence!.entropy).toBeCloseTo(entropy, 4)
      }
    }
  })
})

/** What the draft model thinks comes next, with these settings. */
async function distributionAfter(
  tokens: readonly number[],
  sampling: SamplingOptions = { temperature: 1 },
  generated = 0,
) {
  const made = draft.createTarget()
  const rows = Int32Array.from(tokens)
  const { logits } = await made.forward(
    { tokens: rows, parents: rows.map((_, i) => i - 1) },
    { head: 'logits', headRows: [rows.length - 1] },
  )
  made.dispose()
  const history = new TokenHistory(tokens.slice(0, tokens.length - generated))
  for (const token of tokens.slice(tokens.length - generated)) history.push(token)
  return createSampler(sampling, 64).distribution(logits!, history)
}

test('after any outcome it guesses as one that reads the whole text anew', async () => {
  const [policy, fresh] = [recording(4), recording(4)]
  const drafter = draftModel(draft, policy)
  const anew = draftModel(draft, fresh)
  await drafter.start(begun(prompt))
  let text = [...prompt]
  // How many guesses the budget allows, and how many of them are accepted.
  const steps = [
    [4, 4],
    [4, 0],
    [4, 2],
    [0, 0],
    [0, 0],
    [4, 3],
    [1, 1],
    [1, 0],
    [0, 0],
    [4, 1],
    [2, 2],
  ] as const
  for (const [i, [count, accepted]] of steps.entries()) {
    const root = text[text.length - 1]
    const guesses = await guessesOf(drafter, root, count + 1)
    expect(guesses).toHaveLength(count)
    if (count > 0) {
      await anew.start(begun(text))
      expect(await guessesOf(anew, root, count + 1)).toEqual(guesses)
      expect(policy.guesses).toEqual(fresh.guesses)
    }
    const emitted = [...guesses.slice(0, accepted), (7 * i + 3) % 64]
    const path = Array.from({ length: accepted + 1 }, (_, row) => row)
    await drafter.observe({ path, emitted, bonus: emitted[accepted], draw: () => 0 })
    text = [...text, ...emitted]
  }
})

test('of a text it reads only what the text before did not begin with', async () => {
  const { model, targets, rows } = watched(draft)
  const drafter = draftModel(model, constant(3))
  const long = Array.from({ length: 50 }, (_, i) => (i * 11) % 64)
  await drafter.start(begun(long))
  expect(rows()).toBe(49)
  // The root and two guesses; the third one is not read.
  await drafter.propose(long[49], { rows: 64 })
  expect(rows()).toBe(52)
  const next = [...long.slice(0, 40), 1, 2, 3]
  await drafter.start(begun(next))
  expect(rows()).toBe(52 + 2)
  expect(targets[0].length).toBe(42)
  const guesses = await guessesOf(drafter, 3)
  const fresh = draftModel(draft, constant(3))
  await fresh.start(begun(next))
  expect(guesses).toEqual(await guessesOf(fresh, 3))
  expect(targets).toHaveLength(1)
})

test('for rejection it tells the distribution each guess was drawn from: processed as the target processes its own', async () => {
  const sampling = { temperature: 1.3, topK: 9, frequencyPenalty: 2, seed: 11 }
  const drafter = draftModel(draft, constant(5))
  const prefilled: Prefilled = { ...begun(prompt, sampling), rule: 'rejection' }
  await drafter.start(prefilled)
  const { tree, proposal } = await drafter.propose(2, { rows: 64 })
  const guesses = [...tree.tokens].slice(1)
  expect(proposal).toHaveLength(5)
  for (const [i, q] of proposal!.entries()) {
    const expected = await distributionAfter([...prompt, ...guesses.slice(0, i)], sampling, i)
    for (const [token, p] of expected.entries()) expect(q![token]).toBeCloseTo(p, 5)
    expect(q![guesses[i]]).toBeGreaterThan(0)
  }
  await drafter.start({ ...prefilled, rule: 'target-draw' })
  expect((await drafter.propose(2, { rows: 64 })).proposal).toBeUndefined()
})

describe('a target that drafts for itself accepts every guess', () => {
  test.each([
    ['greedy', {}],
    ['sampled with shared noise', { sampling: { temperature: 1, topP: 0.9, presencePenalty: 1, seed: 5 } }],
    ['by rejection', { sampling: { temperature: 1, topK: 20, seed: 6 }, rule: 'rejection' }],
  ] as const)('%s', async (_, options) => {
    const { spec, source } = tinyModel({}, 3)
    const itself = await loadTargetModel(spec, source, { executor: referenceExecutor, dtype: 'f32', top: draftTop })
    const steps = await run(itself, draftModel(itself, constant(4)), prompt, options)
    expect(steps).toHaveLength(8)
    for (const { depth, accepted } of steps) expect([depth, accepted]).toEqual([4, 4])
  })

  test('but not where its noise is its own', async () => {
    const { spec, source } = tinyModel({}, 3)
    const itself = await loadTargetModel(spec, source, { executor: referenceExecutor, dtype: 'f32', top: draftTop })
    const options = { sampling: { temperature: 1, seed: 5 }, sharedNoise: false }
    const steps = await run(itself, draftModel(itself, constant(4)), prompt, options)
    expect(steps.length).toBeGreaterThan(8)
  })
})

describe('a draft model of a smaller context', () => {
  test('guesses as far as it has room, then no more, and the text goes on', async () => {
    const { model, targets } = watched(draft, 12)
    const drafter = draftModel(model, constant(10))
    const steps = await run(target, drafter, prompt)
    // 6 positions of the prompt are read; the root and 5 guesses fill the context, behind which one more is guessed.
    expect(steps[0].depth).toBe(6)
    expect(steps.at(-1)!.depth).toBe(0)
    expect(targets[0].length).toBeLessThanOrEqual(12)
    expect(tokensOf(steps)).toEqual(tokensOf(await run(target, none(), prompt)))
  })

  test('guesses nothing for a prompt that it has no room for, and takes up the next that it has', async () => {
    const drafter = draftModel(watched(draft, 12).model, constant(10))
    const long = Array.from({ length: 20 }, (_, i) => i)
    expect((await run(target, drafter, long)).every(({ depth }) => depth === 0)).toBe(true)
    await drafter.start(begun(prompt))
    expect(await guessesOf(drafter, 2)).toHaveLength(6)
  })
})

test('a policy is told where a draft began and what became of it', async () => {
  const outcomes: [number, number, number][] = []
  const policy: Policy = {
    ...constant(3),
    observe: ({ guesses, position, accepted }) => outcomes.push([position, guesses.length, accepted]),
  }
  const steps = await run(target, draftModel(draft, policy), prompt)
  let position = 0
  for (const [i, { tokens, depth, accepted }] of steps.entries()) {
    expect(outcomes[i]).toEqual([position, depth, accepted])
    position += tokens.length
  }
  expect(new Set(outcomes.map(([, , accepted]) => accepted)).size).toBeGreaterThan(1)
})

test.each([48, 80])('a vocabulary padded to another size, %d, guesses for a target of 64 tokens', async (vocabSize) => {
  const { spec, source } = tinyModel({ vocabSize }, 4)
  const padded = await loadTargetModel(spec, source, { executor: referenceExecutor, dtype: 'f32', top: draftTop })
  const drafter = draftModel(padded, constant(3), { vocabSize: 64 })
  for (const sampling of [{}, { temperature: 1.5, seed: 3 }]) {
    const truth = tokensOf(await run(target, none(), prompt, { sampling }))
    expect(tokensOf(await run(target, drafter, prompt, { sampling }))).toEqual(truth)
  }
  const steps = await run(target, drafter, prompt, { sampling: { temperature: 1.5, seed: 3 }, rule: 'rejection' })
  expect(tokensOf(steps)).toHaveLength(40)
})
