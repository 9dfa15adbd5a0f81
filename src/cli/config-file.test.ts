import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandLine } from './command-line.ts'
import { addTrainOptions, recordedOptions, resolveTrainFlags } from './train/options.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-config-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function resolve(args: string[], content?: unknown, name = 'config.json') {
  if (content !== undefined)
    await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  const command = addTrainOptions(new Command()).exitOverride()
  command.parse(args, { from: 'user' })
  return resolveTrainFlags(command)
}
const config = () => ['--out', 'x', '--config', join(folder, 'config.json')]

test('flags go before the file, the file before defaults', async () => {
  const flags = await resolve([...config(), '--warmup', '7'], { warmup: 3, learningRate: 0.5, schedule: 'linear' })
  expect(flags).toMatchObject({ warmup: 7, learningRate: 0.5, schedule: 'linear', accumulate: 1, out: 'x' })
})

test('a run is resumed, or made again elsewhere, with the options of its record', async () => {
  const record = { format: 1, options: { warmup: 3, updates: 9, out: 'y' } }
  expect(await resolve(['--out', folder, '--resume'], record, 'run.json')).toMatchObject({
    warmup: 3,
    updates: 9,
    out: folder,
  })
  expect(await resolve(['--out', 'z', '--config', join(folder, 'run.json')])).toMatchObject({ warmup: 3, out: 'z' })
  const flags = await resolve(['--out', folder, '--resume', '--updates', '12'])
  expect(recordedOptions(flags)).toMatchObject({ warmup: 3, updates: 12 })
  expect(recordedOptions(flags)).not.toHaveProperty('resume')
})

test.for<[what: string, content: unknown, names: string[]]>([
  ['an unknown option', { warmups: 3 }, ['config.json', '"warmups"']],
  ['a value out of range', { warmup: -1 }, ['config.json', 'warmup is -1', 'at least 0']],
  ['no number', { learningRate: 'fast' }, ['learningRate is "fast"', 'a number']],
  ['an unknown schedule', { schedule: 'cyclic' }, ['schedule is "cyclic"', 'cosine']],
  ['a truth value for a number', { warmup: true }, ['warmup is true']],
  ['no object', [1], ['expected a JSON object']],
  ['no JSON', '{', ['not valid JSON']],
])('%s in a file is refused, file and field named', async ([, content, names]) => {
  const error: Error = await resolve(config(), content).then(
    () => expect.unreachable(),
    (error) => error,
  )
  for (const name of names) expect(error.message).toContain(name)
})

test('a run needs a folder', async () => {
  await expect(resolve([])).rejects.toThrow('--out')
})

test('the command line can be typed again', () => {
  expect(commandLine(['train', 'lm', '--data', "it's here", '--betas', '0.9,0.95'])).toBe(
    "paceline train lm --data 'it'\\''s here' --betas 0.9,0.95",
  )
})
