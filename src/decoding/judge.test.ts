import { describe, expect, test } from 'vitest'
import { type AcceptanceRule, acceptanceRules } from './drafter.ts'
import { createJudge } from './judge.ts'
import { createSampler, type SamplingOptions, TokenHistory } from './sampling/index.ts'
import { chain, TokenTree } from './tree.ts'

const vocabSize = 5
const logits = Float32Array.from({ length: 4 * vocabSize }, (_, i) => Math.sin(i * i))
const outputs = { logits }
const rowOf = (row: number) => logits.subarray(row * vocabSize, (row + 1) * vocabSize)
const judge = (rule: AcceptanceRule, sampling: SamplingOptions) =>
  createJudge(vocabSize, { sampler: createSampler(sampling, vocabSize), rule })

test('at temperature 0 all rules decide as target draw does', () => {
  for (let guesses = 0; guesses < vocabSize ** 3; guesses++) {
    const digits = [0, 1, 2].map((i) => Math.floor(guesses / vocabSize ** i) % vocabSize)
    const draft = {
      tree: chain(0, digits),
      proposal: digits.map(() => new Float32Array(vocabSize).fill(1 / vocabSize)),
    }
    const [greedy, ...others] = acceptanceRules.map((rule) => {
      const history = new TokenHistory([0])
      return [judge(rule, { logitBias: { 2: 0.5 } }).decide(draft, outputs, history), history.length]
    })
    expect(others).toEqual([greedy, greedy])
  }
})

describe('a draft model that is the target has every guess accepted by rejection', () => {
  test.each([
    ['temperature 1', { temperature: 1 }],
    ['filters', { temperature: 0.7, topK: 4, topP: 0.9, minP: 0.01 }],
    ['penalties', { temperature: 1, frequencyPenalty: 1, repetitionPenalty: 1.3 }],
  ])('%s', (_, sampling) => {
    for (let seed = 0; seed < 200; seed++) {
      const sampler = createSampler({ ...sampling, seed }, vocabSize)
      const drafter = sampler.independent()
      const history = new TokenHistory([0])
      const [guesses, proposal]: [number[], Float32Array[]] = [[], []]
      for (let row = 0; row < 3; row++) {
        proposal.push(drafter.distribution(rowOf(row), history))
        guesses.push(drafter.draw(rowOf(row), history.length, history))
        history.push(guesses[row])
      }
      const decided = new TokenHistory([0])
      const { path } = createJudge(vocabSize, { sampler, rule: 'rejection' }).decide(
        { tree: chain(0, guesses), proposal },
        outputs,
        decided,
      )
      expect(path).toEqual([0, 1, 2, 3])
      expect(decided.counts).toEqual(history.counts)
    }
  })
})

test('target draw decides unless another rule is named', () => {
  const tree = chain(0, [1, 2, 3])
  for (let seed = 0; seed < 50; seed++) {
    const sampler = createSampler({ temperature: 1, seed }, vocabSize)
    const [unnamed, named] = [{}, { rule: 'target-draw' as const }].map((how) =>
      createJudge(vocabSize, { sampler, ...how }).decide({ tree }, outputs, new TokenHistory([0])),
    )
    expect(unnamed).toEqual(named)
  }
})

describe('typical acceptance', () => {
  // What comes behind token 0: 1 nearly always; behind 1 (row 1) and 2 (row 2): each alike.
  const typicalLogits = Float32Array.of(0, 5, 0, 0, 0, ...new Array(3 * vocabSize).fill(1))
  const tree = new TokenTree([0, 1, 2, 3], [-1, 0, 0, 1])
  const decide = (sampling: SamplingOptions) => {
    const history = new TokenHistory([0])
    const decision = judge('typical-lossy', sampling).decide({ tree }, { logits: typicalLogits }, history)
    return { ...decision, history }
  }

  test('takes likely guesses and counts them, and then draws as the target does', () => {
    for (let seed = 0; seed < 20; seed++) {
      const sampling = { temperature: 1, seed }
      const { path, bonus, history } = decide(sampling)
      expect(path).toEqual([0, 1, 3])
      expect([...history.generated]).toEqual([1, 3])
      expect(bonus).toBe(createSampler(sampling, vocabSize).draw(typicalLogits.subarray(-vocabSize), 2, history))
    }
  })

  test('judges what is left after filters and penalties, of the path alone', () => {
    expect(decide({ temperature: 1, logitBias: { 3: -20 } }).path).toEqual([0, 1])
    expect(decide({ temperature: 1, logitBias: { 1: -20 } }).path).toEqual([0, 2])
    expect(decide({ temperature: 1, topK: 2 }).path).toEqual([0, 1])
    // Behind 1 a penalty leaves nothing of another 1; what a sibling's path holds is not counted.
    const twice = new TokenTree([0, 2, 1, 1, 1], [-1, 0, 0, 1, 2])
    const alike = { logits: new Float32Array(5 * vocabSize) }
    const sampling = { temperature: 1, frequencyPenalty: 2, logitBias: { 2: 0.1 } }
    const { path } = judge('typical-lossy', { ...sampling, temperature: 0.1 }).decide(
      { tree: twice },
      alike,
      new TokenHistory([0]),
    )
    expect(path).toEqual([0, 1, 3])
  })
})

test('a decision does not depend on what the judge decided before it', () => {
  const tree = new TokenTree([0, 1, 2, 3], [-1, 0, 0, 2])
  for (const rule of acceptanceRules) {
    const [fresh, used] = [1, 2].map(() => judge(rule, { temperature: 1, seed: 3 }))
    for (let i = 0; i < 5; i++) used.decide({ tree: chain(i) }, outputs, new TokenHistory([]))
    expect(used.decide({ tree }, outputs, new TokenHistory([]))).toEqual(
      fresh.decide({ tree }, outputs, new TokenHistory([])),
    )
  }
})
