import { beforeAll, describe, expect, test } from 'vitest'
import { loadTargetModel, type Rows, type TargetModel } from '../model/index.ts'
import { tinyModel } from '../model/tiny.ts'
import { referenceExecutor } from '../runtime/index.ts'
import { decode, prefill, type Step } from './decode.ts'
import type { Draft, Drafter, Verdict } from './drafter.ts'
import { createSampler, type SamplingOptions, TokenHistory } from './sampling/index.ts'
import { chain, TokenTree } from './tree.ts'

const prompt = [5, 9, 2, 33, 5, 9]

let model: TargetModel
beforeAll(async () => {
  const { spec, source } = tinyModel({ architecture: 'mistral', windows: [null, 12] }, 3)
  model = await loadTargetModel(spec, source, { executor: referenceExecutor, dtype: 'f32' })
})

const drafterOf = (
  propose: (root: number, rows: number) => Draft,
  observe: Drafter['observe'] = () => {},
): Drafter => ({
  name: 'carrier',
  start() {},
  propose: (root, { rows }) => propose(root, rows),
  observe,
})
const plain = drafterOf((root) => ({ tree: chain(root) }))

async function generate(drafter: Drafter, sampling: SamplingOptions, maxRows = 64): Promise<Step[]> {
  const target = model.createTarget()
  const options = { sampler: createSampler(sampling, model.spec.vocabSize), maxTokens: 24, eosTokenIds: [], maxRows }
  await prefill(target, drafter, prompt, options)
  const steps: Step[] = []
  for await (const step of decode(target, drafter, prompt, options)) steps.push(step)
  target.dispose()
  return steps
}

const tokensOf = (steps: readonly Step[]) => steps.flatMap(({ tokens }) => [...tokens])

/** Behind a tree of a wrong guess and a branch: a rider at the root, one behind it, and one behind the last guess. */
const carried = (root: number, rows: number, riderToken = 63): Draft => {
  if (rows < 7) return { tree: chain(root) }
  const tree = new TokenTree([root, 1, 2, 3], [-1, 0, 0, 1])
  const riders: Rows = { tokens: Int32Array.of(riderToken, riderToken, riderToken), parents: Int32Array.of(0, 4, 3) }
  return { tree, riders }
}

describe.each<[string, SamplingOptions]>([
  ['greedy', {}],
  ['at temperature 1', { temperature: 1, seed: 7 }],
])('riders, %s', (_, sampling) => {
  test('are never emitted, leave the text as it is, and count as rows', async () => {
    const truth = tokensOf(await generate(plain, sampling))
    // A token that is not in the text, and would be noticed there.
    const riderToken = Array.from({ length: 64 }, (_, id) => id).find((id) => !truth.includes(id))!
    const steps = await generate(
      drafterOf((root, rows) => carried(root, rows, riderToken)),
      sampling,
    )
    expect(tokensOf(steps)).toEqual(truth)
    expect(steps[0]).toMatchObject({ rows: 7, depth: 2 })
    expect(steps.at(-1)).toMatchObject({ rows: 1, depth: 0 })
  })

  test('hear what the target would write after them: what a pass over their path alone says', async () => {
    const emitted: number[] = []
    let draft: Draft
    const seen: { before: number[]; draft: Draft; verdict: Verdict; draws: number[] }[] = []
    const observe = (verdict: Verdict) => {
      const draws = Array.from({ length: draft.tree.size + (draft.riders?.tokens.length ?? 0) }, (_, row) =>
        verdict.draw(row),
      )
      seen.push({ before: [...emitted], draft, verdict, draws })
      emitted.push(...verdict.emitted)
    }
    const propose = (root: number, rows: number) => {
      draft = carried(root, rows)
      return draft
    }
    await generate(drafterOf(propose, observe), sampling)
    const sampler = createSampler(sampling, model.spec.vocabSize)
    let riders = 0
    for (const {
      before,
      draft: { tree, riders: carried },
      draws,
    } of seen.slice(0, 8)) {
      const tokens = [...tree.tokens, ...(carried?.tokens ?? [])]
      const parents = [...tree.parents, ...(carried?.parents ?? [])]
      for (const [row, drawn] of draws.entries()) {
        const path: number[] = []
        for (let at = row; at >= 0; at = parents[at]) path.unshift(tokens[at])
        // The root is the last token of the prompt or of what was emitted.
        const text = [...[...prompt, ...before].slice(0, -1), ...path]
        const target = model.createTarget()
        const rows = { tokens: Int32Array.from(text), parents: Int32Array.from(text, (_, i) => i - 1) }
        const { logits } = await target.forward(rows, { head: 'logits', headRows: [text.length - 1] })
        const position = before.length + path.length - 1
        expect(drawn).toBe(sampler.draw(logits!, position, new TokenHistory(prompt)))
        target.dispose()
        if (row >= tree.size) riders++
      }
    }
    expect(riders).toBeGreaterThan(10)
  })
})

test('a tree and its riders together may not be more rows than asked for', async () => {
  const tooMany = drafterOf((root, rows) => ({
    tree: chain(root, [1, 2]),
    riders: { tokens: new Int32Array(rows - 2), parents: new Int32Array(rows - 2) },
  }))
  await expect(generate(tooMany, {}, 8)).rejects.toMatchObject({
    code: 'runtime',
    message: expect.stringMatching(/carrier proposed 9 rows from token 9, expected at most 8/),
  })
})
