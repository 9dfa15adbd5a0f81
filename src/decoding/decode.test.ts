import fc from 'fast-check'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { loadTargetModel, type TargetModel } from '../model/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { onnxExecutor, referenceExecutor } from '../runtime/index.ts'
import { type DecodeOptions, decode, prefill, type Step } from './decode.ts'
import type { Drafter, Prefilled, Verdict } from './drafter.ts'
import { createSampler, type SamplingOptions } from './sampling/index.ts'
import type { TargetStates } from './states.ts'
import { chain, TokenTree } from './tree.ts'

const vocabSize = 64
const hiddenSize = 32
const prompt = [5, 9, 2, 33, 5, 9]

let model: TargetModel
beforeAll(async () => {
  const { spec, source } = tinyModel({ architecture: 'mistral', windows: [null, 12] }, 3)
  model = await loadTargetModel(spec, source, { executor: referenceExecutor, dtype: 'f32', taps: [0, 1] })
})

const plain: Drafter = { name: 'plain', start() {}, propose: (root) => ({ tree: chain(root) }), observe() {} }

interface Run extends Partial<Omit<DecodeOptions, 'sampler'>> {
  readonly sampling?: SamplingOptions
  readonly capacity?: number
  readonly model?: TargetModel
}

/** All steps of a generation of 40 tokens, unless it says otherwise. */
async function generate(drafter: Drafter, { sampling = {}, capacity, ...options }: Run = {}): Promise<Step[]> {
  const target = (options.model ?? model).createTarget(capacity)
  const sampler = createSampler(sampling, vocabSize)
  const settings = { maxTokens: 40, eosTokenIds: [], ...options, sampler }
  await prefill(target, drafter, prompt, settings)
  const steps: Step[] = []
  for await (const step of decode(target, drafter, prompt, settings)) steps.push(step)
  return steps
}

const tokensOf = (steps: readonly Step[]) => steps.flatMap(({ tokens }) => tokens)
const textOf = async (drafter: Drafter, run?: Run) => tokensOf(await generate(drafter, run))

/** A drafter made of a function from the text so far (its last token is the root) and the budget to a tree. */
function drafterOf(propose: (text: readonly number[], rows: number) => TokenTree): Drafter {
  let text: number[] = []
  return {
    name: 'test drafter',
    start({ tokens }) {
      text = [...tokens]
    },
    propose: (_, { rows }) => ({ tree: propose(text, rows) }),
    async observe({ emitted }) {
      text.push(...emitted)
    },
  }
}

/** Guesses the tokens of `truth` that come next, `length` at a time. */
const oracle = (truth: readonly number[], length: number) =>
  drafterOf((text, rows) => {
    const done = text.length - prompt.length
    return chain(text.at(-1)!, truth.slice(done, done + Math.min(length, rows - 1)))
  })

/** Trees that hold the true continuation among other guesses, up to a random depth, in random order. */
const oracleWithDecoys = (truth: readonly number[], seed: number) => {
  const next = integers(seed)
  return drafterOf((text, rows) => {
    const done = text.length - prompt.length
    const tree = growing(text.at(-1)!)
    let onPath = 0
    for (let depth = 0; tree.tokens.length < rows && depth < 1 + next(5); depth++) {
      for (let decoy = next(3); decoy > 0 && tree.tokens.length < rows - 1; decoy--)
        tree.add(next(vocabSize), next(2) ? onPath : next(tree.tokens.length))
      const token = truth[done + depth]
      if (token === undefined) break
      onPath = tree.add(token, onPath)
    }
    return tree.build()
  })
}

/** Trees without any sense. */
const random = (seed: number) => {
  const next = integers(seed)
  return drafterOf((text, rows) => {
    const tree = growing(text.at(-1)!)
    for (let i = next(12); i > 0 && tree.tokens.length < rows; i--) tree.add(next(vocabSize), next(tree.tokens.length))
    return tree.build()
  })
}

const alwaysWrong = (truth: readonly number[]) =>
  drafterOf((text, rows) => {
    const done = text.length - prompt.length
    const guesses = truth.slice(done, done + Math.min(4, rows - 1)).map((token) => (token + 1) % vocabSize)
    return chain(text.at(-1)!, guesses)
  })

function growing(root: number) {
  const [tokens, parents] = [[root], [-1]]
  return {
    tokens,
    /** Adds a guess unless it is there; returns its row. */
    add(token: number, parent: number): number {
      const there = tokens.findIndex((other, row) => other === token && parents[row] === parent)
      if (there >= 0) return there
      parents.push(parent)
      return tokens.push(token) - 1
    },
    build: () => new TokenTree(tokens, parents),
  }
}

/** Integers from 0 to below n. */
function integers(seed: number): (n: number) => number {
  let state = seed + 1
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 16) % n
  }
}

const samplings: [string, SamplingOptions][] = [
  ['greedy', {}],
  ['at temperature 1', { temperature: 1, seed: 7 }],
  ['at temperature 1.5 with filters', { temperature: 1.5, topK: 20, topP: 0.9, minP: 0.01, seed: 8 }],
  ['greedy with penalties', { repetitionPenalty: 1.3, presencePenalty: 0.7, frequencyPenalty: 0.9 }],
  ['at temperature 1 with penalties', { temperature: 1, frequencyPenalty: 1.5, repetitionPenalty: 1.2, seed: 9 }],
]

describe.each(samplings)('whatever the drafter, the text is that of plain decoding: %s', (_, sampling) => {
  let truth: number[]
  beforeAll(async () => {
    truth = await textOf(plain, { sampling })
    expect(truth.length).toBe(40)
    expect(new Set(truth).size).toBeGreaterThan(10)
  })

  test('a drafter that is always wrong', async () => {
    const steps = await generate(alwaysWrong(truth), { sampling })
    expect(tokensOf(steps)).toEqual(truth)
    expect(steps.every(({ accepted }) => accepted === 0)).toBe(true)
  })

  test('a drafter that knows the text', async () => {
    const steps = await generate(oracle(truth, 4), { sampling })
    expect(tokensOf(steps)).toEqual(truth)
    expect(steps.map(({ accepted }) => accepted)).toEqual(new Array(8).fill(4))
  })

  test('trees with the truth in some branch', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), async (seed) => {
        const steps = await generate(oracleWithDecoys(truth, seed), { sampling })
        expect(tokensOf(steps)).toEqual(truth)
        expect(steps.length).toBeLessThan(truth.length)
      }),
      { seed: 1, numRuns: 4 },
    )
  })

  test('trees without any sense', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), async (seed) => {
        expect(await textOf(random(seed), { sampling })).toEqual(truth)
      }),
      { seed: 1, numRuns: 3 },
    )
  })
})

test('the choice of executor changes nothing of this', async () => {
  const { spec, source } = tinyModel({}, 3)
  const onnx = await loadTargetModel(spec, source, { executor: onnxExecutor({ threads: 1 }), dtype: 'f32' })
  for (const [, sampling] of samplings) {
    const truth = await textOf(plain, { sampling, model: onnx })
    for (const drafter of [oracle(truth, 5), oracleWithDecoys(truth, 3), random(4)])
      expect(await textOf(drafter, { sampling, model: onnx })).toEqual(truth)
  }
  await onnx.dispose()
})

describe('a text ends', () => {
  test('at exactly the number of tokens asked for, also within a block', async () => {
    const truth = await textOf(plain)
    for (let maxTokens = 1; maxTokens <= 8; maxTokens++) {
      expect(await textOf(plain, { maxTokens })).toEqual(truth.slice(0, maxTokens))
      expect(await textOf(oracle(truth, 6), { maxTokens })).toEqual(truth.slice(0, maxTokens))
      expect(await textOf(oracleWithDecoys(truth, maxTokens), { maxTokens })).toEqual(truth.slice(0, maxTokens))
    }
  })

  test('with the first end-of-text token, wherever in a block it is', async () => {
    const truth = await textOf(plain)
    for (const eos of new Set(truth.slice(0, 15))) {
      const expected = truth.slice(0, truth.indexOf(eos) + 1)
      for (const drafter of [plain, oracle(truth, 6), oracleWithDecoys(truth, eos)]) {
        const steps = await generate(drafter, { eosTokenIds: [1000, eos] })
        expect(tokensOf(steps)).toEqual(expected)
        for (const { accepted, tokens } of steps) expect(accepted).toBeLessThanOrEqual(tokens.length)
      }
    }
  })

  test('with the context, which prompt and text fill together', async () => {
    const truth = await textOf(plain)
    for (const room of [1, 2, 7]) {
      const capacity = prompt.length + room
      expect(await textOf(plain, { capacity })).toEqual(truth.slice(0, room))
      expect(await textOf(oracle(truth, 6), { capacity })).toEqual(truth.slice(0, room))
    }
  })

  test('before the next pass when the stop sign is up', async () => {
    const truth = await textOf(plain)
    for (const passes of [0, 1, 3]) {
      let looks = 0
      const steps: Step[] = []
      const target = model.createTarget()
      const stopSign = {
        get aborted() {
          return looks++ >= passes
        },
      }
      const drafter = oracle(truth, 2)
      await prefill(target, drafter, prompt, { sampler: createSampler({}, vocabSize) })
      const options = { sampler: createSampler({}, vocabSize), maxTokens: 40, eosTokenIds: [], stopSign }
      for await (const step of decode(target, drafter, prompt, options)) steps.push(step)
      expect(steps.length).toBe(passes)
    }
  })
})

describe('a step', () => {
  test('tells what was guessed, accepted and decided', async () => {
    const truth = await textOf(plain)
    const wrong = (truth[2] + 1) % vocabSize
    // Two true guesses, a wrong one behind them, and a branch beside them.
    const drafter = drafterOf((text, rows) =>
      rows < 6 || text.length > prompt.length
        ? chain(text.at(-1)!)
        : new TokenTree([text.at(-1)!, wrong, truth[0], truth[1], wrong, wrong], [-1, 0, 0, 2, 3, 4]),
    )
    const steps = await generate(drafter, { maxTokens: 12 })
    expect(steps[0]).toMatchObject({ tokens: truth.slice(0, 3), accepted: 2, rows: 6, depth: 4 })
    expect(steps[1]).toMatchObject({ tokens: [truth[3]], accepted: 0, rows: 1, depth: 0 })
  })

  test('takes the time of drafting, of the pass and of the rest, but not of its reader', async () => {
    let clock = 0
    const taking = <T>(time: number, value: T): T => {
      clock += time
      return value
    }
    const target = model.createTarget()
    const forward = target.forward.bind(target)
    vi.spyOn(target, 'forward').mockImplementation((rows, want) => forward(rows, want).finally(() => taking(10, null)))
    const drafter: Drafter = {
      ...plain,
      propose: (root) => taking(2, { tree: chain(root) }),
      observe: () => taking(5, undefined),
    }
    await prefill(target, drafter, prompt, { sampler: createSampler({}, vocabSize) })
    const now = vi.spyOn(performance, 'now').mockImplementation(() => clock)
    const options = { sampler: createSampler({}, vocabSize), maxTokens: 3, eosTokenIds: [] }
    for await (const step of decode(target, drafter, prompt, options)) {
      expect(step).toMatchObject({ draftMs: 2, forwardMs: 10, totalMs: 17 })
      taking(1000, null)
    }
    now.mockRestore()
  })
})

describe('a drafter', () => {
  test('is asked for no more rows than can still matter', async () => {
    const truth = await textOf(plain)
    const budgets: number[] = []
    const counting = (drafter: Drafter): Drafter => ({
      ...drafter,
      propose(root, budget) {
        budgets.push(budget.rows)
        return drafter.propose(root, budget)
      },
    })
    await generate(counting(oracle(truth, 3)), { maxTokens: 10, maxRows: 5 })
    expect(budgets).toEqual([5, 5, 2])
    budgets.length = 0
    await generate(counting(plain), { capacity: prompt.length + 3 })
    expect(budgets).toEqual([3, 2, 1])
  })

  test.each<[string, (text: readonly number[], rows: number) => TokenTree, RegExp]>([
    [
      'more than asked for',
      (text, rows) => chain(text.at(-1)!, new Array(rows).fill(0)),
      /test drafter proposed 9 rows from token 9, expected at most 8 from 9/,
    ],
    ['from another root', () => chain(10, [1]), /test drafter proposed 2 rows from token 10, .* from 9/],
  ])('that proposes %s is named in an error', async (_, propose, message) => {
    await expect(generate(drafterOf(propose), { maxRows: 8 })).rejects.toMatchObject({
      code: 'runtime',
      message: expect.stringMatching(message),
    })
  })

  test('hears the prompt, then what each step decided: accepted rows, their tokens, the bonus token, times', async () => {
    const truth = await textOf(plain)
    const inner = oracleWithDecoys(truth, 5)
    const started: Prefilled[] = []
    const seen: (Verdict & { tree: TokenTree })[] = []
    let tree: TokenTree
    await generate({
      ...inner,
      start(prefilled) {
        started.push(prefilled)
        return inner.start(prefilled)
      },
      async propose(root, budget) {
        tree = (await inner.propose(root, budget)).tree
        return { tree }
      },
      observe(verdict) {
        seen.push({ ...verdict, tree })
        return inner.observe(verdict)
      },
    })
    const ends = new Set<number>()
    expect(started).toEqual([{ tokens: prompt, rule: 'target-draw', ends, sampler: expect.anything() }])
    expect(seen.flatMap(({ emitted }) => emitted)).toEqual(truth)
    for (const { path, bonus, emitted, took, tree, draw, ...rest } of seen) {
      expect(draw).toBeTypeOf('function')
      expect(took!.draft).toBeGreaterThanOrEqual(0)
      expect(took!.pass).toBeGreaterThan(0)
      expect(emitted).toEqual([...path.slice(1).map((row) => tree.tokens[row]), bonus])
      expect(rest).toEqual({})
    }
  })

  test.each<[string, TargetStates, number]>([
    ['features', 'features', 1],
    ['outputs of layers, beside one another', [1, 0, 1], 3],
  ])('gets the states of every position that it wants: %s', async (_, wants, parts) => {
    const truth = await textOf(plain)
    const inner = oracleWithDecoys(truth, 6)
    const states: Float32Array[] = []
    const drafter: Drafter = {
      ...inner,
      wants,
      start(prefilled) {
        states.push(prefilled.states!)
        return inner.start(prefilled)
      },
      observe(verdict) {
        expect(verdict.states!.length).toBe(verdict.path.length * parts * hiddenSize)
        states.push(verdict.states!)
        return inner.observe(verdict)
      },
    }
    await generate(drafter)
    expect(states[0].length).toBe((prompt.length - 1) * parts * hiddenSize)
    // The last token is not in the cache yet: no pass has read it.
    const tokens = Int32Array.from([...prompt, ...truth.slice(0, -1)])
    const rows = { tokens, parents: tokens.map((_, i) => i - 1) }
    const { features, taps } = await model.createTarget().forward(rows, { features: true, taps: [0, 1] })
    const whole = wants === 'features' ? [features!] : wants.map((layer) => taps![layer])
    const expected = [...tokens.keys()].flatMap((row) =>
      whole.flatMap((part) => [...part.subarray(row * hiddenSize, (row + 1) * hiddenSize)]),
    )
    expect(states.flatMap((part) => [...part])).toEqual(expected)
  })

  test('that fails ends the text with its own error', async () => {
    const failure = new Error('the drafter is broken')
    const broken = drafterOf(() => {
      throw failure
    })
    await expect(generate(broken)).rejects.toBe(failure)
  })
})
