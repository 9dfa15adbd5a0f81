import { expect, test } from 'vitest'
import { createJudge } from '../judge.ts'
import { createSampler, type Sampler, TokenHistory } from '../sampling/index.ts'
import { chain } from '../tree.ts'
import { fits, tally } from './fit.ts'

/** Enumeration proves the rules; this is about what they run on: real chance, noise and probabilities in floats. */
const vocabSize = 6
const texts = 25_000
const options = { temperature: 0.9, topK: 5, topP: 0.97 }
const history = () => new TokenHistory([0])

/** Logits after `token`, of two models that are alike. */
const target = (token: number) =>
  Float32Array.from({ length: vocabSize }, (_, x) => 1.5 * Math.sin(5 * x + 3 * token + 1))
const drafter = (token: number) => target(token).map((logit, x) => logit + 0.8 * Math.cos(7 * x + token))

/** Two tokens after token 0, by rejection of one guess: as the number 6 * first + second. */
function write(seed: number, said: (sampler: Sampler) => Float32Array): number {
  const sampler = createSampler({ ...options, seed }, vocabSize)
  const judge = createJudge(vocabSize, { sampler, rule: 'rejection' })
  const text = history()
  const guesser = sampler.independent()
  const guess = guesser.draw(drafter(0), 0, text)
  const logits = new Float32Array(2 * vocabSize)
  logits.set(target(0))
  logits.set(target(guess), vocabSize)
  const { path, bonus } = judge.decide({ tree: chain(0, [guess]), proposal: [said(guesser)] }, { logits }, text)
  if (path.length === 2) return vocabSize * guess + bonus
  text.push(bonus)
  return vocabSize * bonus + judge.decide({ tree: chain(bonus) }, { logits: target(bonus) }, text).bonus
}

const { distribution } = createSampler(options, vocabSize)
const p = (token: number) => distribution(target(token), history())
const expected = Array.from({ length: vocabSize ** 2 }, (_, pair) => {
  const [first, second] = [Math.floor(pair / vocabSize), pair % vocabSize]
  return p(0)[first] * p(first)[second]
})

test('texts of the real sampler, chance and judge follow the target', () => {
  const observed = tally(vocabSize ** 2, texts, (seed) => write(seed, (q) => q.distribution(drafter(0), history())))
  expect(fits(observed, expected)).toBe(true)
})

test('while texts of a drafter that says another temperature than it draws with are found out', () => {
  const warm = createSampler({ ...options, temperature: 1.1 }, vocabSize).distribution(drafter(0), history())
  const observed = tally(vocabSize ** 2, texts / 2, (seed) => write(seed, () => warm))
  expect(fits(observed, expected)).toBe(false)
})
