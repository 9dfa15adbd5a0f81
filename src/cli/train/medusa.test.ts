import { readdir, readFile } from 'node:fs/promises'
import { loadModel, medusa } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint, openMedusaHeads } from '../../checkpoint/index.ts'
import { runBuilt } from '../run-built.ts'
import { sentences, type TaughtTarget, teachTarget } from './taught-target.ts'

let taught: TaughtTarget
beforeAll(async () => {
  taught = await teachTarget()
})
afterAll(() => taught.dispose())

const at = (...names: string[]) => taught.at(...names)
const paceline = (...args: string[]) => runBuilt(args)
const train = (out: string, ...more: string[]) => taught.train('medusa', out, ...more)

describe.sequential('paceline train medusa', () => {
  test.each([
    ['target', []],
    ['own', ['--own-lm-heads', '--heads', '3', '--draft-vocab', '64', '--soft', '0.5']],
  ])('LM head "%s": heads that guess several tokens ahead, and change no text', async (lmHead, more) => {
    const ended = await train(lmHead, '--updates', '60', '--eval-every', '20', ...more)
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/expected tau \d\.\d\d with chains of [34]/) })
    expect(ended.stderr).toContain('accepted 1')
    expect((await readdir(at(lmHead, 'model'))).sort()).toEqual(['config.json', 'model.safetensors', 'paceline.json'])
    expect(JSON.parse(await readFile(at(lmHead, 'model', 'paceline.json'), 'utf8'))).toMatchObject({
      method: 'medusa',
      data: { target: { weights: expect.stringMatching(/^sha256:/) } },
      metrics: { validation: { tau: expect.any(Number) } },
    })
    const target = await openCheckpoint(at('lm', 'model'))
    const heads = await openMedusaHeads(at(lmHead, 'model'), target.spec)
    expect(heads.spec.lmHead).toBe(lmHead)
    await heads.close()
    await target.close()

    await using model = await loadModel(at('lm', 'model'))
    const prompt = [{ role: 'user' as const, content: 'blue 2' }]
    const plain = await model.generate(prompt, { maxTokens: 30 }).result()
    const drafter = medusa({ folder: at(lmHead, 'model'), guesses: 8 })
    const drafted = await model.generate(prompt, { maxTokens: 30, drafter }).result()
    expect(plain.text).toBe(sentences[2])
    expect(drafted.ids).toEqual(plain.ids)
    expect(drafted.stats.acceptanceLength).toBeGreaterThan(2)
    const paying = medusa({ folder: at(lmHead, 'model') })
    expect((await model.generate(prompt, { maxTokens: 30, drafter: paying }).result()).ids).toEqual(plain.ids)
  })

  test('goes on where it was, with the same bits', async () => {
    const constant = ['--schedule', 'constant', '--checkpoint-every', '3', '--eval-every', '6']
    expect(await train('whole', '--updates', '12', ...constant)).toMatchObject({ code: 0 })
    expect(await train('parts', '--updates', '6', ...constant)).toMatchObject({ code: 0 })
    expect(await paceline('train', 'medusa', '--resume', '--out', at('parts'), '--updates', '12')).toMatchObject({
      code: 0,
    })
    const [a, b] = await Promise.all(['whole', 'parts'].map((run) => readFile(at(run, 'model', 'model.safetensors'))))
    expect(a.equals(b)).toBe(true)
    expect(await paceline('export', '--run', at('parts'), '--out', at('bf16'), '--dtype', 'bf16')).toMatchObject({
      code: 0,
    })
    // Heads that have learned what there is to learn lose nothing by another update.
    const init = ['--init', at('target', 'model'), '--updates', '1', '--learning-rate', '1e-5']
    expect(await train('tuned', ...init)).toMatchObject({ code: 0 })
    const tau = async (run: string) =>
      JSON.parse(await readFile(at(run, 'model', 'paceline.json'), 'utf8')).metrics.validation.tau
    expect(Math.abs((await tau('tuned')) - (await tau('target')))).toBeLessThan(0.1)
    const target = await openCheckpoint(at('lm', 'model'))
    const heads = await openMedusaHeads(at('bf16'), target.spec)
    expect(heads.source.infos.get('blocks.0.layers.0.weight')!.dtype).toBe('bf16')
    await heads.close()
    await target.close()
  })

  test('what does not fit is refused before anything is trained', async () => {
    for (const [args, problem] of [
      [['--draft-vocab', '9999'], 'draft vocabulary of 9999'],
      [['--length', '65'], 'shorten them'],
      [['--init', at('target', 'model'), '--heads', '3'], 'leave out --heads'],
      [['--soft', '2'], 'Expected a number from 0 to 1'],
    ] as const) {
      const ended = await train('refused', '--updates', '1', ...args)
      expect(ended.code).not.toBe(0)
      expect(ended.stderr).toContain(problem)
    }
    expect(await paceline('train', 'medusa', '--out', at('x'), '--updates', '1')).toMatchObject({
      stderr: expect.stringContaining('--target'),
    })
  })
})
