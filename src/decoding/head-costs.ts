import type { EagleHeadModel, EagleText, LearnedRiders, MedusaModel, TargetModel } from '../model/index.ts'
import { amidText, betweenPasses, type GuessCosts, type PassCosts, passCosts, positions } from './costs.ts'

const measuredRows = [1, 2, 4, 8, 16]

/** As `GuessCosts`, of passes of a head of so many rows. */
export interface HeadCosts {
  first(rows: number): number
  next(rows: number): number
}

/**
 * What passes of a head cost that yield its likeliest tokens: taken in turns with passes of its target, behind some 128
 * positions. What enters is read from the target's states, as in the first pass of a step.
 */
export async function measureHeadCosts(head: EagleHeadModel, reference: TargetModel): Promise<HeadCosts> {
  const text = head.createText()
  try {
    const filled = Math.min(positions, text.capacity >> 1)
    await headPass(text, filled)
    text.commit(Array.from({ length: filled }, (_, row) => row))
    const counts = measuredRows.filter((rows) => rows <= text.capacity - filled)
    const costs: GuessCosts[] = []
    for (const rows of counts) costs.push(await betweenPasses(() => headPass(text, rows), reference))
    return {
      first: throughPoints(costs.map(({ first }, i) => [counts[i], first] as const)),
      next: throughPoints(costs.map(({ next }, i) => [counts[i], next] as const)),
    }
  } finally {
    text.dispose()
  }
}

/** Costs of any number of rows from those of a few, the first of which is one row. */
function throughPoints([[, one], ...more]: readonly (readonly [rows: number, cost: number])[]): (
  rows: number,
) => number {
  const { v } = passCosts(
    1,
    more.map(([rows, cost]) => [rows, cost / one] as const),
  )
  return (rows) => one * v(rows)
}

/** Time of a pass of Medusa heads that yields their likeliest tokens, in passes of one row of their target. */
export async function measureMedusaCost(heads: MedusaModel, reference: TargetModel): Promise<number> {
  const feature = new Float32Array(heads.spec.hiddenSize).fill(0.5)
  const ours = async () => {
    const from = performance.now()
    await heads.forward(feature, ['top'])
    return performance.now() - from
  }
  return (await betweenPasses(ours, reference)).first
}

/**
 * What `count` riders cost beside being rows: the pass of a root and them, which see their prefix, and then the LM head on them
 * for their likeliest tokens, less a pass of as many rows as `v` says. In passes of one row.
 */
export async function measureRidersCost(
  model: TargetModel,
  riders: LearnedRiders,
  count: number,
  { v }: Pick<PassCosts, 'v'>,
): Promise<number> {
  const target = await amidText(model, riders)
  const { hiddenSize, vocabSize } = model.spec
  const tokens = Int32Array.from({ length: count + 1 }, (_, row) => (row === 0 ? 0 : vocabSize + row - 1))
  const rows = { tokens, parents: tokens.map((_, row) => row - 1), ridersFrom: 1 }
  try {
    const ours = async () => {
      const from = performance.now()
      const { features } = await target.forward(rows, { head: 'argmax', headRows: [0], features: true })
      await target.head(features!.subarray(hiddenSize), ['top'])
      return performance.now() - from
    }
    const { first } = await betweenPasses(ours, model)
    return Math.max(0, first - v(count + 1))
  } finally {
    target.dispose()
  }
}

/** Milliseconds of a pass of a chain of `rows` pairs. Nothing is committed. */
async function headPass(text: EagleText, rows: number): Promise<number> {
  const { kind, taps, targetHiddenSize } = text.spec
  const width = kind === 'eagle3' ? taps.length * targetHiddenSize : targetHiddenSize
  const tokens = Int32Array.from({ length: rows }, (_, i) => i % 7)
  const states = new Float32Array(rows * width).fill(0.5)
  const from = performance.now()
  const entering = await text.stateOf(states)
  await text.forward({ tokens, states: entering, parents: tokens.map((_, i) => i - 1) }, ['top'])
  return performance.now() - from
}
