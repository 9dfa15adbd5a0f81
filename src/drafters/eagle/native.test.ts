import { expect, test } from 'vitest'
import type { SamplingOptions } from '../../decoding/index.ts'
import { nativeExecutor } from '../../runtime/index.ts'
import { loadAddon } from '../../runtime/native/addon.ts'
import { none } from '../none.ts'
import { run, tinyPair, tinyTarget, tokensOf } from '../tiny.ts'
import { dynamicTree } from './dynamic-tree.ts'
import { eagle } from './eagle.ts'
import { staticGrowth } from './static-growth.ts'
import { publishedPaths, shapeOf } from './static-tree.ts'
import { tinyHead } from './tiny.ts'

const addon = loadAddon()
if ('reason' in addon) console.info(`Heads on the native executor are not tested here: ${addon.reason}`)

test.skipIf('reason' in addon)('on the native executor heads guess what they guess on the reference one', async () => {
  const executor = nativeExecutor({ threads: 1 })
  const prompt = [5, 9, 2, 33, 5, 9, 2]
  const samplings: SamplingOptions[] = [{}, { temperature: 1, seed: 7 }]
  const [native, reference] = [await tinyPair(executor), await tinyPair()]
  for (const kind of ['eagle', 'eagle3'] as const) {
    const fast = await tinyHead(kind, native.target, tinyTarget().source, { executor })
    const slow = await tinyHead(kind, reference.target, tinyTarget().source)
    for (const sampling of samplings) {
      const options = { sampling, maxTokens: 20 }
      let accepted = 0
      for (const growth of [dynamicTree({ rows: 12, depth: 4, width: 4 }), staticGrowth(shapeOf(publishedPaths), 12)]) {
        const steps = await run(native.target, eagle('eagle', fast, growth), prompt, options)
        expect(tokensOf(steps)).toEqual(tokensOf(await run(native.target, none(), prompt, options)))
        const expected = await run(reference.target, eagle('eagle', slow, growth), prompt, options)
        expect(steps.map(({ tokens, accepted, rows }) => [tokens, accepted, rows])).toEqual(
          expected.map(({ tokens, accepted, rows }) => [tokens, accepted, rows]),
        )
        accepted += steps.reduce((sum, step) => sum + step.accepted, 0)
      }
      expect(accepted).toBeGreaterThan(0)
    }
    await fast.dispose()
  }
  await native.target.dispose()
  await native.draft.dispose()
})
