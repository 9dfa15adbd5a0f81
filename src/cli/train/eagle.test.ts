import { readdir, readFile } from 'node:fs/promises'
import { loadModel } from 'paceline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint, openEagleHead } from '../../checkpoint/index.ts'
import { runBuilt } from '../run-built.ts'
import { sentences, type TaughtTarget, teachTarget } from './taught-target.ts'

let taught: TaughtTarget
beforeAll(async () => {
  taught = await teachTarget()
})
afterAll(() => taught.dispose())

const at = (...names: string[]) => taught.at(...names)
const paceline = (...args: string[]) => runBuilt(args)
const train = (kind: string, out: string, ...more: string[]) => taught.train(kind, out, ...more)

describe.sequential('paceline train eagle', () => {
  test.each([
    ['eagle', 'eagle2:8-4-2', []],
    ['eagle3', 'eagle3:8-4-2', ['--taps', '0,1,2', '--draft-vocab', '64']],
  ])('%s: a head that guesses several tokens ahead, and changes no text', async (kind, drafter, more) => {
    const ended = await train(kind, kind, '--updates', '60', '--eval-every', '20', ...more)
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/expected tau \d\.\d\d with chains of \d/) })
    expect(ended.stderr).toContain('accepted 1')
    expect((await readdir(at(kind, 'model'))).sort()).toEqual(['config.json', 'model.safetensors', 'paceline.json'])
    expect(JSON.parse(await readFile(at(kind, 'model', 'paceline.json'), 'utf8'))).toMatchObject({
      method: kind,
      data: { target: { weights: expect.stringMatching(/^sha256:/) } },
      metrics: { validation: { tau: expect.any(Number) } },
    })

    await using model = await loadModel(at('lm', 'model'))
    const prompt = [{ role: 'user' as const, content: 'blue 2' }]
    const plain = await model.generate(prompt, { maxTokens: 30 }).result()
    const drafted = await model.generate(prompt, { maxTokens: 30, drafter: `${drafter}=${at(kind, 'model')}` }).result()
    expect(plain.text).toBe(sentences[2])
    expect(drafted.ids).toEqual(plain.ids)
    expect(drafted.stats.acceptanceLength).toBeGreaterThan(2)
  })

  test('goes on where it was, with the same bits', async () => {
    const constant = ['--schedule', 'constant', '--checkpoint-every', '3', '--eval-every', '6']
    expect(await train('eagle', 'whole', '--updates', '12', ...constant)).toMatchObject({ code: 0 })
    expect(await train('eagle', 'parts', '--updates', '6', ...constant)).toMatchObject({ code: 0 })
    expect(await paceline('train', 'eagle', '--resume', '--out', at('parts'), '--updates', '12')).toMatchObject({
      code: 0,
    })
    const [a, b] = await Promise.all(['whole', 'parts'].map((run) => readFile(at(run, 'model', 'model.safetensors'))))
    expect(a.equals(b)).toBe(true)
    expect(await paceline('export', '--run', at('parts'), '--out', at('bf16'), '--dtype', 'bf16')).toMatchObject({
      code: 0,
    })
    // A head that has learned what there is to learn loses nothing by another update.
    const tuned = await train(
      'eagle',
      'tuned',
      '--init',
      at('eagle', 'model'),
      '--updates',
      '1',
      '--learning-rate',
      '1e-5',
    )
    expect(tuned).toMatchObject({ code: 0 })
    const tau = async (run: string) =>
      JSON.parse(await readFile(at(run, 'model', 'paceline.json'), 'utf8')).metrics.validation.tau
    expect(Math.abs((await tau('tuned')) - (await tau('eagle')))).toBeLessThan(0.1)
    const target = await openCheckpoint(at('lm', 'model'))
    const head = await openEagleHead(at('bf16'), target.spec)
    expect(head.source.infos.get('fc.weight')!.dtype).toBe('bf16')
    await head.close()
    await target.close()
  })

  test('what does not fit is refused before anything is trained', async () => {
    for (const [kind, args, problem] of [
      ['eagle3', [], 'too shallow for the usual taps'],
      ['eagle3', ['--taps', '0,1,3'], 'there is no layer 3'],
      ['eagle', ['--draft-vocab', '9999'], 'draft vocabulary of 9999'],
      ['eagle', ['--length', '65'], 'shorten them'],
      ['eagle', ['--init', at('eagle', 'model'), '--ff', '8'], 'leave out --ff'],
      ['eagle3', ['--init', at('eagle', 'model')], 'is of kind eagle'],
    ] as const) {
      const ended = await train(kind, 'refused', '--updates', '1', ...args)
      expect(ended.code).not.toBe(0)
      expect(ended.stderr).toContain(problem)
    }
    expect(await paceline('train', 'eagle', '--out', at('x'), '--updates', '1')).toMatchObject({
      stderr: expect.stringContaining('--target'),
    })
  })
})
