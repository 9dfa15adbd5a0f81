import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
// Not part of the public face of `checkpoint`: adapters that were not trained here are written by tests alone.
import { peftConfig, syntheticAdapter, writePeft } from '../checkpoint/adapter/synthetic.ts'
import { expectedTensors, parseAdapterConfig, writeRandomCheckpoint } from '../checkpoint/index.ts'
// Nor what writes files of SentencePiece.
import { llamaPieces, modelFile } from '../checkpoint/sentencepiece/tiny.ts'
import { elementCount } from '../tensor/index.ts'
import { type Circumstances, type Ended, runBuilt } from './run-built.ts'

let folder = ''
const at = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-cli-'))
  const spec = await writeRandomCheckpoint(at('tiny'), 'llama-tiny', 1)
  const peft = peftConfig({ base_model_name_or_path: '../tiny' })
  await writePeft(at('adapter'), peft, await syntheticAdapter(spec, parseAdapterConfig(peft, spec)))
  await writeRandomCheckpoint(at('long'), { contextLength: 65_536 }, 1)
  await writeRandomCheckpoint(at('chat'), 'llama-tiny', 1, {
    chatTemplate: '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}',
  })
  await writeRandomCheckpoint(at('bad-template'), 'llama-tiny', 1, { chatTemplate: '{% if %}' })
  for (const file of ['config.json', 'tokenizer.json', 'model.safetensors']) {
    await cp(at('tiny'), at(`without-${file}`), { recursive: true })
    await rm(join(at(`without-${file}`), file))
  }
  await cp(at('tiny'), at('bad-shape'), { recursive: true })
  await changeConfig(at('bad-shape'), { intermediate_size: 192 })
  await cp(at('tiny'), at('mamba'), { recursive: true })
  await changeConfig(at('mamba'), { model_type: 'mamba' })
  await writeFile(at('empty.txt'), '\n')
  await writeFile(at('prompt.txt'), 'abcabcabc\n')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

async function changeConfig(model: string, fields: object): Promise<void> {
  const file = join(model, 'config.json')
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...fields }))
}

/** Runs the built command, at most two at a time. `@name` stands for a file or folder of this test. */
function paceline(args: readonly string[], circumstances?: Circumstances): Promise<Ended> {
  return whenFree(() =>
    runBuilt(
      args.map((arg) => (arg.startsWith('@') ? at(arg.slice(1)) : arg)),
      circumstances,
    ),
  )
}

const slots: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()]
let next = 0

function whenFree<T>(task: () => Promise<T>): Promise<T> {
  const slot = next++ % slots.length
  const result = slots[slot].then(task)
  slots[slot] = result.catch(() => {})
  return result
}

describe.concurrent('what is wrong is said in one line that names it, with an exit code and nothing on stdout', () => {
  const wrong: [what: string, args: string[], code: number, names: string[]][] = [
    ['no such folder', ['generate', '@nowhere', 'Hi'], 1, ['nowhere', 'no such folder']],
    ['a folder without config.json', ['generate', '@without-config.json', 'Hi'], 1, ['config.json']],
    ['a folder without tokenizer.json', ['generate', '@without-tokenizer.json', 'Hi'], 1, ['tokenizer.json']],
    ['a folder without weights', ['generate', '@without-model.safetensors', 'Hi'], 1, ['model.safetensors']],
    ['a tensor of another shape', ['generate', '@bad-shape', 'Hi'], 1, ['gate_proj', '[176, 64]', '[192, 64]']],
    ['another architecture', ['generate', '@mamba', 'Hi'], 1, ['model_type', 'mamba']],
    ['another architecture, inspected', ['inspect', '@mamba', '--json'], 1, ['model_type', 'mamba']],
    ['too long a prompt', ['generate', '@tiny', 'x'.repeat(600), '--json'], 1, ['601 tokens', '512']],
    ['an unreadable chat template', ['generate', '@bad-template', 'Hi', '--chat'], 1, ['tokenizer_config', 'Jinja']],
    ['no chat template', ['generate', '@tiny', 'Hi', '--chat', '--json'], 1, ['no chat template']],
    ['no such prompt file', ['generate', '@tiny', '--prompt-file', '@nowhere'], 1, ['--prompt-file', 'nowhere']],
    ['a report that has nowhere to go', ['profile', '--shape', 'llama-tiny', '--json', '@no/x'], 1, ['no/x']],
    ['an empty prompt', ['generate', '@tiny', ''], 2, ['prompt is empty']],
    ['an empty stdin', ['generate', '@tiny', '--json'], 2, ['prompt is empty']],
    ['an empty prompt file', ['generate', '@tiny', '--prompt-file', '@empty.txt'], 2, ['prompt is empty']],
    ['two prompts', ['generate', '@tiny', 'Hi', '--prompt-file', '@prompt.txt'], 2, ['--prompt-file']],
    ['a system message without --chat', ['generate', '@tiny', 'Hi', '--system', 'x'], 2, ['--system', '--chat']],
    ['an unknown flag', ['generate', '@tiny', 'Hi', '--max-token', '3'], 2, ['--max-token', '--max-tokens?']],
    ['an unknown command', ['genrate'], 2, ['genrate', 'generate?']],
    ['no folder', ['generate'], 2, ['model-folder']],
    ['what is no number', ['generate', '@tiny', 'Hi', '--temperature', 'hot'], 2, ['--temperature', 'hot']],
    ['a number out of range', ['generate', '@tiny', 'Hi', '--top-p', '1.5'], 2, ['--top-p', '0 to 1', '1.5']],
    ['a fraction of a token', ['generate', '@tiny', 'Hi', '--max-tokens', '1.5'], 2, ['--max-tokens', '1.5']],
    ['no threads', ['generate', '@tiny', 'Hi', '--threads', '0'], 2, ['--threads', '0']],
    ['a bias without a value', ['generate', '@tiny', 'Hi', '--logit-bias', '3'], 2, ['--logit-bias', 'TOKEN-ID=']],
    ['a bias for no token', ['generate', '@tiny', 'Hi', '--logit-bias', '320=1'], 2, ['320', '319']],
    ['an unknown drafter', ['generate', '@tiny', 'Hi', '--drafter', 'oracle'], 2, ['oracle', 'prompt-lookup']],
    ['an unknown dtype', ['generate', '@tiny', 'Hi', '--dtype', 'f8'], 2, ['f8', 'int4']],
    ['an unknown dtype among others', ['profile', '--shape', 'llama-tiny', '--dtype', 'f32,f8'], 2, ['f8', 'int4']],
    ['an unknown shape', ['profile', '--shape', 'llama-2t'], 2, ['llama-2t', 'llama-1b']],
    ['a text that is not there', ['accuracy', '@tiny', '--text', '@no.txt'], 1, ['--text', 'no.txt']],
    ['an empty text', ['accuracy', '@tiny', '--text', '@empty.txt'], 2, ['--text', 'empty.txt', 'is empty']],
    ['accuracy on no text', ['accuracy', '@tiny'], 2, ['--text']],
    ['accuracy of no model', ['accuracy', '@no', '--text', '@prompt.txt'], 1, ['no such folder']],
    [
      'a tree that is not drafted',
      ['profile', '--shape', 'llama-tiny', '--tree', '3-2'],
      2,
      ['--tree is for --drafting'],
    ],
    ['a tree of no depth', ['profile', '--drafting', '--tree', '0-2'], 2, ['such as 6-8']],
    ['nothing to profile', ['profile'], 2, ['--model', '--shape']],
    ['two things to profile', ['profile', '--model', '@tiny', '--shape', 'llama-tiny'], 2, ['--model', '--shape']],
  ]
  test.for(wrong)('%s', async ([, args, code, names]) => {
    const ended = await paceline(args)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toMatch(/^paceline: .+\n$/)
    for (const name of names) expect(ended.stderr).toContain(name)
  })

  test('--debug adds the stack', async () => {
    const { code, stderr } = await paceline(['generate', '@nowhere', 'Hi', '--debug'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^paceline: .+\n.+\n {4}at /)
  })
})

describe.concurrent('paceline generate', () => {
  const copying = ['generate', '@tiny', 'abcabcabc', '--max-tokens', '60', '--ignore-eos']
  const lookup = ['--drafter', 'prompt-lookup']

  test('gives the same text with and without a drafter, in JSON, piped and in colour', async () => {
    const [plain, guessed, piped, coloured] = await Promise.all([
      paceline([...copying, '--json']),
      paceline([...copying, ...lookup, '--json']),
      paceline([...copying, ...lookup]),
      paceline([...copying, ...lookup], { env: { FORCE_COLOR: '1' } }),
    ])
    const { text, ids, finishReason, stats } = JSON.parse(plain.stdout)
    expect(plain).toMatchObject({ code: 0, stderr: '' })
    expect({ tokens: ids.length, finishReason }).toEqual({ tokens: 60, finishReason: 'length' })
    expect(stats).toMatchObject({ promptTokens: 10, tokens: 60, forwards: 60, acceptanceLength: 1 })
    expect(Object.keys(stats.speedup)).toEqual(['rowMs', 'S', 'tau', 'D', 'v', 'h'])

    const other = JSON.parse(guessed.stdout)
    expect(other).toMatchObject({ text, ids, finishReason })
    expect(other.stats.acceptanceLength).toBeGreaterThan(1)

    expect(piped).toMatchObject({ code: 0, stdout: text })
    expect(piped.stderr).toMatch(
      /^60 tokens \(length\).+tau.+S = tau \/ \(D \+ v \+ h\) = .+accepted by position: \d+ %(, \d+ %)*\n$/,
    )

    const [green, end] = ['\x1b[32m', '\x1b[39m']
    expect(coloured.stdout).toContain(green)
    expect(coloured.stdout.replaceAll(green, '').replaceAll(end, '')).toBe(text)
  })

  test('reads the prompt from stdin or a file, without the last line break', async () => {
    const argument = ['--max-tokens', '8', '--json']
    const ended = await Promise.all([
      paceline(['generate', '@tiny', 'abcabcabc', ...argument]),
      paceline(['generate', '@tiny', ...argument], { input: 'abcabcabc\n' }),
      paceline(['generate', '@tiny', '-', ...argument], { input: 'abcabcabc' }),
      paceline(['generate', '@tiny', '--prompt-file', '@prompt.txt', ...argument]),
    ])
    const results = ended.map(({ stdout }) => JSON.parse(stdout).ids)
    for (const ids of results) expect(ids).toEqual(results[0])
  })

  test('hands on the flags of sampling, stopping and chat', async () => {
    const sampled = ['--temperature', '2', '--seed', '7', '--top-k', '40', '--logit-bias', '65=100', '--min-p', '0']
    const stopped = ['--logit-bias', '66=100', '--logit-bias', '67=99', '--frequency-penalty', '2', '--stop', 'BC']
    const [drawn, cut, chat] = await Promise.all([
      paceline(['generate', '@tiny', 'Hi', ...sampled, '--max-tokens', '3', '--json', '--dtype', 'int8']),
      paceline(['generate', '@tiny', 'Hi', ...stopped, '--max-tokens', '10', '--json', '--threads', '1']),
      paceline(['generate', '@chat', 'Hi', '--chat', '--system', 'Be.', '--max-tokens', '1', '--json']),
    ])
    expect(JSON.parse(drawn.stdout).text).toBe('AAA')
    expect(JSON.parse(cut.stdout)).toMatchObject({ text: '', finishReason: 'stop' })
    expect(JSON.parse(chat.stdout).stats.promptTokens).toBe(1 + 'system: Be.\nuser: Hi\n'.length)
  })

  test.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends the text, which is printed as far as it came', async ([signal, code]) => {
    const ended = await paceline(['generate', '@long', 'Hi', '--ignore-eos', '--max-tokens', '60000'], {
      started: (child) => child.stdout!.once('data', () => child.kill(signal)),
    })
    expect(ended.code).toBe(code)
    expect(ended.stdout.length).toBeGreaterThan(0)
    expect(ended.stderr).toMatch(/^\d+ tokens \(abort\).+\n$/)
  })

  test('an interrupted text is whole JSON', async () => {
    const interruptAfter = (ms: number) =>
      paceline(['generate', '@long', 'Hi', '--ignore-eos', '--max-tokens', '60000', '--json'], {
        started: (child) => setTimeout(() => child.kill('SIGINT'), ms),
      })
    // While the model loads, a signal kills; how long that takes is the machine's secret.
    let ended = await interruptAfter(1000)
    for (let ms = 2000; ended.code === null && ms <= 16_000; ms *= 2) ended = await interruptAfter(ms)
    expect(ended).toMatchObject({ code: 130, stderr: '' })
    expect(JSON.parse(ended.stdout)).toMatchObject({ finishReason: 'abort' })
  })

  test('a reader that closes the pipe ends it quietly', async () => {
    const ended = await paceline(['generate', '@long', 'Hi', '--ignore-eos', '--max-tokens', '60000'], {
      started: (child) => child.stdout!.once('data', () => child.stdout!.destroy()),
    })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
  })
})

test('paceline tokenizer makes the tokenizer.json of a folder with that of SentencePiece, once', async () => {
  await cp(at('without-tokenizer.json'), at('sentencepiece'), { recursive: true })
  await writeFile(join(at('sentencepiece'), 'tokenizer.model'), modelFile({ pieces: llamaPieces(['▁', 'a']) }))
  const before = await paceline(['inspect', '@sentencepiece'])
  expect(before).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`"paceline tokenizer ${at('sentencepiece')}"`),
  })
  const made = await paceline(['tokenizer', '@sentencepiece'])
  expect(made).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('tokenizer.json: 261 tokens') })
  expect(await paceline(['inspect', '@sentencepiece'])).toMatchObject({ code: 0 })
  expect(await paceline(['tokenizer', '@sentencepiece'])).toMatchObject({ code: 2, stdout: '' })
  expect(await paceline(['tokenizer', '@sentencepiece', '--force'])).toMatchObject({ code: 0 })
})

describe.concurrent('paceline inspect', () => {
  test('tells what is in a folder', async () => {
    const [json, text] = await Promise.all([paceline(['inspect', '@chat', '--json']), paceline(['inspect', '@chat'])])
    const inspected = JSON.parse(json.stdout)
    const { spec, parameters, pass, loadedBytes } = inspected
    const sizes = expectedTensors(spec).map(({ dimensions }) => elementCount(dimensions.map(({ size }) => size)))
    const total = sizes.reduce((a, b) => a + b)
    expect(inspected).toMatchObject({ chatTemplate: 'present', storedDtypes: ['f32'] })
    expect(inspected.recipe).toEqual({ keep8: ['*.self_attn.*'] })
    expect(text.stdout).toContain('8 bits for *.self_attn.* (default)')
    expect(inspected.executor).toMatch(/^(native|ONNX Runtime)/)
    expect(inspected.files).toMatchObject([{ name: 'model.safetensors' }])
    expect(inspected.storedBytes).toBe(4 * total)
    expect(parameters.total).toBe(total)
    expect(inspected.cacheBytes.fullContext).toBe(512 * inspected.cacheBytes.perToken)
    expect(pass.f32.readBytes).toBe(loadedBytes.f32 - 4 * parameters.embedding)
    expect(pass.int4.tokensPerSecond).toBeCloseTo(1000 / pass.int4.ms)

    for (const part of ['llama, 2 layers', '133,440', 'chat template  present', '512 tokens', 'int4'])
      expect(text.stdout).toContain(part)
  })

  test('tells of an adapter what it adds to which model', async () => {
    const { stdout } = await paceline(['inspect', '@adapter'])
    expect(stdout).toMatch(/adapter +rank 4, alpha 8 \(scale 2\), of 6 layers\n +[\d,]+ numbers, f32, /)
    expect(stdout).toMatch(new RegExp(`base model +${at('tiny')}\n`))
    expect(stdout).toContain('133,440')
  })
})

describe.concurrent('paceline accuracy', () => {
  test('says how far rounded weights are from f32, in a table and as numbers', async () => {
    const file = at('accuracy.json')
    const flags = ['--text', '@prompt.txt', '--dtype', 'f32,int8,int4-pure', '--threads', '1', '--json', file]
    const ended = await paceline(['accuracy', '@tiny', ...flags])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const { measured } = JSON.parse(await readFile(file, 'utf8'))
    expect(measured).toMatchObject([
      { dtype: 'f32', top1: 1, meanKl: 0 },
      { dtype: 'int8', positions: measured[0].positions },
      { dtype: 'int4-pure' },
    ])
    expect(measured[0].positions).toBeGreaterThanOrEqual(9)
    for (const { perplexity } of measured) expect(perplexity).toBeGreaterThan(1)
    for (const dtype of ['f32', 'int8', 'int4-pure']) expect(ended.stdout).toContain(`  ${dtype}`)
    expect(ended.stdout).toContain('mean KL')
  })

  test('without --dtype it compares int8 and int4, and "-" prints the numbers alone', async () => {
    const ended = await paceline(['accuracy', '@tiny', '--text', '@prompt.txt', '--json', '-'])
    const { measured } = JSON.parse(ended.stdout)
    expect(measured.map(({ dtype }: { dtype: string }) => dtype)).toEqual(['int8', 'int4'])
  })
})

describe.concurrent('paceline profile', () => {
  test('--drafting: what a tree of a head costs beside the model', async () => {
    const flags = ['--drafting', '--shape', 'llama-tiny', '--tree', '3-2', '--draft-vocab', '100', '--context', '16']
    const { code, stdout } = await paceline(['profile', ...flags, '--rounds', '5', '--json', '-'])
    expect(code).toBe(0)
    const [measured] = JSON.parse(stdout)
    expect(measured).toMatchObject({ dtype: 'int8', passes: 3, context: 16 })
    expect(measured.limit).toBeCloseTo((3 * measured.headBytes) / measured.targetBytes)
    expect(measured.cost).toBeGreaterThan(0)
  })

  const quick = ['--context', '16', '--rounds', '1', '--threads', '1']

  test('measures a shape at several contexts and writes the numbers to a file', async () => {
    const file = at('profiles.json')
    const ended = await paceline([
      'profile',
      '--shape',
      'llama-tiny',
      '--dtype',
      'f32,int4',
      ...quick,
      '--context',
      '16,32',
      '--json',
      file,
    ])
    expect(ended.code).toBe(0)
    expect(ended.stdout).toContain('rows for the price of one')
    const profiles = JSON.parse(await readFile(file, 'utf8'))
    expect(profiles).toMatchObject([
      { shape: 'llama-tiny', dtype: 'f32', context: 16 },
      { shape: 'llama-tiny', dtype: 'f32', context: 32 },
      { shape: 'llama-tiny', dtype: 'int4', context: 16 },
      { shape: 'llama-tiny', dtype: 'int4', context: 32 },
    ])
    for (const profile of profiles) {
      expect(Object.keys(profile.v)).toEqual(['1', '2', '4', '8', '12', '16', '32'])
      for (const field of ['t1Ms', 'weightBytes', 'gbPerS', 'streamGbPerS', 'streamShare', 'loadSeconds'])
        expect(profile[field]).toBeGreaterThan(0)
    }
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test('with --training it times steps of a model of the shape given, and refuses flags of the other', async () => {
    const model = ['--width', '32', '--layers', '1', '--heads', '2', '--vocabulary', '64']
    const flags = [...model, '--sequences', '2', '--length', '16', '--rounds', '1', '--threads', '1']
    const file = at('training.json')
    const ended = await paceline(['profile', '--training', ...flags, '--json', file])
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/2 sequences of 16.+a second/s) })
    const numbers = JSON.parse(await readFile(file, 'utf8'))
    expect(numbers).toMatchObject({ sequences: 2, length: 16, tokens: 32 })
    for (const field of ['parameters', 'accumulateMs', 'updateMs', 'tokensPerSecond', 'gflops', 'share', 'peakBytes'])
      expect(numbers[field]).toBeGreaterThan(0)
    const [ignored, two] = await Promise.all([
      paceline(['profile', '--shape', 'llama-tiny', '--length', '16']),
      paceline(['profile', '--training', '--shape', 'llama-tiny', '--width', '16']),
    ])
    expect(ignored).toMatchObject({ code: 2, stderr: expect.stringContaining('--length is for --training') })
    expect(two).toMatchObject({ code: 2, stderr: expect.stringContaining('one of --model, --shape and --width') })
  })

  test('measures a model at no more than its context, and prints nothing but JSON with --json -', async () => {
    const ended = await paceline(['profile', '--model', '@tiny', '--context', '9000', '--rounds', '1', '--json', '-'])
    expect(JSON.parse(ended.stdout)).toMatchObject({ shape: at('tiny'), dtype: 'f32', context: 512 })
    expect(ended.stderr).toMatch(/^the context of the model is 512.+9000\n$/)
  })
})

test('paceline --help and --version succeed', async () => {
  const [help, version] = await Promise.all([paceline(['--help']), paceline(['--version'])])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  for (const command of ['generate', 'inspect', 'profile', 'accuracy']) expect(help.stdout).toContain(command)
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})
