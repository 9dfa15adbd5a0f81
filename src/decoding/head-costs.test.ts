import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { EagleHeadModel, EagleText, MedusaModel, Target, TargetModel } from '../model/index.ts'
import { measureHeadCosts, measureMedusaCost } from './head-costs.ts'

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

function timedTarget(ms: number, disposed: string[]): TargetModel {
  const target: Partial<Target> = {
    capacity: 256,
    length: 128,
    forward: async () => {
      take(ms)
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
      take(ms(tokens.length) - 1)
      return { states }
    },
    commit() {},
    dispose: () => disposed.push('head'),
  }
  return { spec, createText: () => text as unknown as EagleText } as unknown as EagleHeadModel
}

test('passes of a head are told in passes of its target of one row, what fuses states included', async () => {
  const disposed: string[] = []
  const cost = await measureHeadCosts(
    timedHead((rows) => 3 + rows, disposed),
    timedTarget(20, disposed),
  )
  for (const rows of [1, 3, 8, 12, 16, 20]) expect(cost(rows)).toBeCloseTo((3 + rows) / 20, 1)
  expect(cost(4)).toBeLessThan(cost(8))
  expect(disposed.toSorted()).toEqual(['head', 'target'])
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
  const cost = await measureHeadCosts(head, timedTarget(10, []))
  expect(Math.max(...largest)).toBe(4)
  expect(cost(16)).toBeCloseTo(0.2, 1)
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
