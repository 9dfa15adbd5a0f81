import { describe, expect, test } from 'vitest'
import { feedForward, sigmoid } from '../../drafters/index.ts'
import type { Example } from './examples.ts'
import { fitClassifier } from './fit.ts'
import { qualityOf } from './quality.ts'
import { numbers } from './tiny.ts'

const top = 2
const options = { hidden: 16, epochs: 40, seed: 1 }

/** Six features at random, labelled. */
function examples(count: number, seed: number, label: (features: readonly number[], chance: number) => boolean) {
  const next = numbers(seed)
  return Array.from({ length: count }, (): Example => {
    const features = Array.from({ length: 6 }, () => 10 * next())
    return { features, accepted: label(features, next()) }
  })
}

function quality(network: ReturnType<typeof fitClassifier>, judged: readonly Example[]) {
  const { mean, deviation, layers } = network
  return qualityOf(
    judged.map(({ features, accepted }) => ({
      accepted,
      chance: sigmoid(
        feedForward(
          layers,
          features.map((x, i) => (x - mean[i]) / deviation[i]),
        ),
      ),
    })),
  )
}

describe('a classifier', () => {
  test('learns what a line separates, and what no line does', () => {
    const rules = [
      (f: readonly number[]) => f[0] + 2 * f[3] > 15,
      (f: readonly number[]) => (f[1] - 5) * (f[4] - 5) > 0,
    ]
    for (const rule of rules) {
      const network = fitClassifier(examples(800, 1, rule), examples(100, 2, rule), top, options)
      expect(quality(network, examples(300, 3, rule)).auc).toBeGreaterThan(0.95)
    }
  })

  test('tells chances that come true', () => {
    const rule = (f: readonly number[], chance: number) => chance < f[0] / 10
    const network = fitClassifier(examples(1200, 1, rule), examples(200, 2, rule), top, options)
    const { calibrationError, accuracy } = quality(network, examples(1000, 3, rule))
    expect(calibrationError).toBeLessThan(0.08)
    expect(accuracy).toBeGreaterThan(0.7)
  })

  test('can learn a few examples by heart, and does not where others are held out', () => {
    const coin = (_: readonly number[], chance: number) => chance < 0.5
    const few = examples(16, 5, coin)
    const byHeart = fitClassifier(few, few, top, { ...options, epochs: 800 })
    expect(quality(byHeart, few).accuracy).toBe(1)
    const held = examples(40, 6, coin)
    const careful = fitClassifier(few, held, top, { ...options, epochs: 800 })
    expect(quality(careful, few).accuracy).toBeLessThan(1)
  })

  test('follows from examples and seed alone', () => {
    const rule = (f: readonly number[]) => f[2] > 4
    const learned = (seed: number) =>
      fitClassifier(examples(100, 1, rule), examples(50, 2, rule), top, { ...options, epochs: 3, seed })
    expect(JSON.stringify(learned(1))).toBe(JSON.stringify(learned(1)))
    expect(JSON.stringify(learned(1))).not.toBe(JSON.stringify(learned(2)))
  })

  test('does without a feature that is always the same', () => {
    const flat = examples(200, 1, (f) => f[0] > 5).map(({ features, accepted }) => ({
      features: [...features.slice(0, 5), 3],
      accepted,
    }))
    const network = fitClassifier(flat, flat, top, options)
    expect(network.deviation[5]).toBe(1)
    expect(quality(network, flat).auc).toBeGreaterThan(0.97)
  })
})
