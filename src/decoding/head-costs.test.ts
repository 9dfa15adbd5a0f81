import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { EagleHeadModel, EagleText, MedusaModel, Target, TargetModel } from '../model/index.ts'
import { passCosts } from './costs.ts'
import { measureHeadCosts, measureMedusaCost, measureRidersCost } from './head-costs.ts'

/** A clock that only passes move, and a machine that gets slower with each of them. */
let clock = 0
let passes = 0
beforeEach(() => {
  clock = passes = 0
  vi.spyOn(performance, 'now').mockImplementation(() => clock)
})
afterEach(() => {
  vi.restoreAllMocks()
})

const take = (ms: number) => {
  clock += ms * (1 + passes++ / 400)
}

/** A pass of the target leaves nothing of a head in the processor's caches. */
let cold = true

function timedTarget(ms: number, disposed: string[]): TargetModel {
  const target: Partial<Target> = {
    capacity: 256,
    length: 128,
    forward: async () => {
      take(ms)
      cold = true
      return {}
    },
    commit() {},
    dispose: () => disposed.push('target'),
  }
  return { createTarget: () => target as Target } as TargetModel
}

function timedHead(ms: (rows: number) => number, disposed: string[], capacity = 256): EagleHeadModel {
  const spec = { kind: 'eagle3', taps: [0, 1, 2], targetHiddenSize: 4 }
  const text = {
    spec,
    capacity,
    async stateOf(states: Float32Array) {
      take(1)
      return states.subarray(0, states.length / 3)
    },
    async forward({ tokens, states }: { tokens: Int32Array; states: Float32Array }) {
      expect(states.length).toBe(4 * tokens.length)
      take(ms(tokens.length) - 1 + (cold ? 2 : 0))
      cold = false
      return { states }
    },
    commit() {},
    dispose: () => disposed.push('head'),
  }
  return { spec, createText: () => text as unknown as EagleText } as unknown as EagleHeadModel
}

test('passes of a head are told in passes of its target of one row, what fuses states included', async () => {
  const disposed: string[] = []
  const { first, next } = await measureHeadCosts(
    timedHead((rows) => 3 + rows, disposed),
    timedTarget(20, disposed),
  )
  for (const rows of [1, 3, 8, 12, 16, 20]) {
    expect(first(rows)).toBeCloseTo((5 + rows) / 20, 1)
    expect(next(rows)).toBeCloseTo((3 + rows) / 20, 1)
    expect(next(rows)).toBeLessThan(first(rows))
  }
  expect(next(4)).toBeLessThan(next(8))
  expect(new Set(disposed)).toEqual(new Set(['head', 'target']))
})

test('rows that the context of the head has no room for are not measured', async () => {
  const largest: number[] = []
  const head = timedHead(
    (rows) => {
      largest.push(rows)
      return 2
    },
    [],
    9,
  )
  const { next } = await measureHeadCosts(head, timedTarget(10, []))
  expect(Math.max(...largest)).toBe(4)
  expect(next(16)).toBeCloseTo(0.2, 1)
})

test('Medusa heads are timed beside passes of their target', async () => {
  const disposed: string[] = []
  const heads: Partial<MedusaModel> = {
    spec: {
      ...{ headCount: 3, layerCount: 1, hiddenSize: 4, vocabSize: 8, draftVocabSize: 8 },
      ...{ bias: true, lmHead: 'target' },
    },
    async forward(feature, outputs) {
      expect([feature.length, outputs]).toEqual([4, ['top']])
      take(2)
      return {}
    },
  }
  expect(await measureMedusaCost(heads as MedusaModel, timedTarget(8, disposed))).toBeCloseTo(0.25, 2)
  expect(disposed).toEqual(['target'])
})

test('riders cost what their pass and the head on them take beyond a pass of as many rows', async () => {
  const disposed: string[] = []
  const asked: number[] = []
  const spec = { hiddenSize: 2, vocabSize: 9 }
  const riders = { vectors: new Float32Array(6) }
  const riding: Partial<Target> = {
    capacity: 256,
    length: 128,
    setRiders: (given) => {
      expect(given).toBe(riders)
    },
    async forward({ tokens, ridersFrom }, { features }) {
      if (features) expect([[...tokens], ridersFrom]).toEqual([[0, 9, 10, 11], 1])
      // Rows are dearer where there are riders among them.
      take(features ? 13 : 10)
      return features ? { features: new Float32Array(8) } : {}
    },
    async head(features) {
      asked.push(features.length / 2)
      take(1)
      return {}
    },
    commit() {},
    dispose: () => disposed.push('target'),
  }
  const model = { spec, createTarget: () => riding as Target } as unknown as TargetModel
  const costs = passCosts(1, [[4, 1.2]])
  expect(await measureRidersCost(model, riders, 3, costs)).toBeCloseTo(1.4 - 1.2, 1)
  expect(new Set(asked)).toEqual(new Set([3]))
  expect(disposed).toEqual(['target', 'target'])
  expect(await measureRidersCost(model, riders, 3, passCosts(1, [[4, 3]]))).toBe(0)
})
