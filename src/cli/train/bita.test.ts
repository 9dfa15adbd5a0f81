import { readdir, readFile } from 'node:fs/promises'
import { bita, loadModel } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBita, openCheckpoint } from '../../checkpoint/index.ts'
import { runBuilt } from '../run-built.ts'
import { sentences, type TaughtTarget, teachTarget } from './taught-target.ts'

let taught: TaughtTarget
beforeAll(async () => {
  taught = await teachTarget()
})
afterAll(() => taught.dispose())

const at = (...names: string[]) => taught.at(...names)
const train = (out: string, ...more: string[]) => taught.train('bita', out, ...more)

describe.sequential('paceline train bita', () => {
  test('from answers to masks that guess several tokens ahead and change no text', async () => {
    const ended = await train(
      'bita',
      ...['--data', at('data.jsonl'), '--masks', '2', '--prefix', '8', '--groups', '24', '--decay', '0'],
      ...['--learning-rate', '0.03', '--updates', '80', '--eval-every', '40'],
    )
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/expected tau \d\.\d\d with chains of 2/) })
    // 2 masks of 48, 8 entries of 2 layers' keys and values of one head of 24.
    expect(ended.stderr).toMatch(/1,248 numbers are trained, \d\.\d\d % of the target's/)
    expect(ended.stderr).toContain('accepted 1')
    expect((await readdir(at('bita', 'model'))).sort()).toEqual(['config.json', 'model.safetensors', 'paceline.json'])
    expect(JSON.parse(await readFile(at('bita', 'model', 'paceline.json'), 'utf8'))).toMatchObject({
      method: 'bita',
      data: { target: { weights: expect.stringMatching(/^sha256:/) } },
      metrics: { validation: { tau: expect.any(Number) } },
    })

    await using model = await loadModel(at('lm', 'model'))
    const prompt = [{ role: 'user' as const, content: 'blue 2' }]
    const plain = await model.generate(prompt, { maxTokens: 30 }).result()
    const comb = bita({ folder: at('bita', 'model'), tree: 'comb' })
    const drafted = await model.generate(prompt, { maxTokens: 30, drafter: comb }).result()
    expect(plain.text).toBe(sentences[2])
    expect(drafted.ids).toEqual(plain.ids)
    expect(drafted.stats.acceptanceLength).toBeGreaterThan(1.5)
    const paying = bita({ folder: at('bita', 'model') })
    expect((await model.generate(prompt, { maxTokens: 30, drafter: paying }).result()).ids).toEqual(plain.ids)
  })

  test('goes on where it was, with the same bits, also from answers that it packed itself', async () => {
    const constant = ['--data', at('data.jsonl'), '--schedule', 'constant', '--checkpoint-every', '3']
    expect(await train('whole', '--updates', '8', ...constant)).toMatchObject({ code: 0 })
    expect(await train('parts', '--updates', '4', ...constant)).toMatchObject({ code: 0 })
    expect(await runBuilt(['train', 'bita', '--resume', '--out', at('parts'), '--updates', '8'])).toMatchObject({
      code: 0,
    })
    const [a, b] = await Promise.all(['whole', 'parts'].map((run) => readFile(at(run, 'model', 'model.safetensors'))))
    expect(a.equals(b)).toBe(true)
    expect(await runBuilt(['export', '--run', at('parts'), '--out', at('bf16'), '--dtype', 'bf16'])).toMatchObject({
      code: 0,
    })
    const target = await openCheckpoint(at('lm', 'model'))
    const masks = await openBita(at('bf16'), target.spec)
    expect(masks.source.infos.get('mask_tokens.weight')!.dtype).toBe('bf16')
    await masks.close()
    await target.close()
  })

  test('what does not fit is refused before anything is trained', async () => {
    for (const [args, problem] of [
      [['--init', at('bita', 'model'), '--masks', '3'], 'leave out --masks'],
      [['--init', at('lm', 'model')], 'mask_num is missing'],
      [['--length', '65'], 'shorten them'],
      [['--data', at('nowhere.jsonl')], 'nowhere.jsonl'],
    ] as const) {
      const ended = await train('refused', '--updates', '1', ...args)
      expect(ended.code).not.toBe(0)
      expect(ended.stderr).toContain(problem)
    }
  })
})
