import { beforeAll, describe, expect, test } from 'vitest'
import { draftedRun, plainRun, record, runOf, step } from '../../bench/compare/tiny.ts'
import { type BenchReport, summarise } from '../../bench/index.ts'
import { renderBenchHtml } from './html.ts'
import { renderBench, renderBenchMarkdown } from './report.ts'

const drafters = ['draft:constant-3', 'draft:constant-1', 'prompt-lookup', 'a<b>&"c"']
const leaking = runOf(
  Array.from({ length: 4 }, () => step(3, 3, 0.6, 2.5, 0.2)),
  { leakMs: 4 },
)
const runs = [draftedRun, leaking, plainRun, draftedRun]
const drafted = drafters.map((drafter, i) => ({ drafter, run: runs[i], identical: i !== 1 }))
const report: BenchReport = {
  machine: {
    processor: 'Some <processor>',
    processors: 4,
    threads: 2,
    memoryBytes: 8e9,
    system: 'Linux 6',
    node: '20.19.0',
    executor: 'native, avx2 kernels',
  },
  model: {
    folder: 'models/demo',
    architecture: 'llama',
    parameters: 11_377_920,
    vocabSize: 4096,
    contextLength: 512,
    dtypes: [
      { dtype: 'f32', weightBytes: 47.6e6, cacheBytes: 9e5, peakBytes: 3e8, rowMs: 1.56, v: { 2: 1.01, 8: 1.47 } },
    ],
  },
  runs: summarise([
    record({ drafted, loops: true }),
    record({ prompt: 1, task: 'sql', drafted }),
    record({ temperature: 1, drafted: drafted.slice(2, 3) }),
  ]),
  settings: {
    suites: ['bench/prompts'],
    prompts: 2,
    rounds: 3,
    maxTokens: 128,
    seed: 0,
    rule: 'target-draw',
    sharedNoise: true,
    strict: 0,
    command: 'paceline bench --drafters \'a<b>&"c"\'',
  },
  complete: false,
  notes: ['Questions with several turns, of which only the first was asked: 2.'],
}

const texts = { terminal: renderBench(report), markdown: renderBenchMarkdown(report), html: renderBenchHtml(report) }

describe.each(Object.entries(texts))('the report: %s', (_, text) => {
  test('has every number that decides, and nothing that is none', () => {
    const { speedup, predicted } = report.runs.find(({ drafter, task }) => drafter === drafters[0] && task === 'all')!
    for (const part of ['tau', speedup.toFixed(2), predicted.toFixed(2), '0.300', '1.25', '2/2', '0/2', '1.56'])
      expect(text).toContain(part)
    expect(text).not.toMatch(/NaN|undefined|Infinity|\[object/)
  })

  test('says what was cut, interrupted, doubtful, changed and best', () => {
    for (const part of [
      'only the first was asked',
      'interrupted',
      'Best constant, f32, temperature 0: draft:constant-3',
      'loop',
      'Not every text',
      'more than 3 %',
    ])
      expect(text).toContain(part)
    expect(text).toMatch(/-\d+\.\d %|\+\d+\.\d % !/)
  })
})

test.each([
  renderBench,
  renderBenchMarkdown,
  renderBenchHtml,
])('%o says that typical acceptance is not lossless', (render) => {
  const lossy: BenchReport = { ...report, settings: { ...report.settings, rule: 'typical-lossy' } }
  expect(render(lossy)).toContain('acceptance by typical-lossy (not lossless)')
  expect(render(lossy)).toContain('NOT LOSSLESS above temperature 0')
  // At temperature 0 it is the exact rule.
  expect(render({ ...lossy, runs: lossy.runs.filter(({ temperature }) => temperature === 0) })).not.toContain(
    'NOT LOSSLESS',
  )
  expect(render(report)).not.toMatch(/lossless/i)
})

describe('the page', () => {
  let numbers: string[]
  beforeAll(() => {
    numbers = [...texts.html.matchAll(/ (?:x|y|width|height|cx|cy|d)="([^"]*)"/g)].map(([, value]) => value)
  })

  test('needs nothing else and runs nothing', () => {
    expect(texts.html).not.toMatch(/<script|<link|<img|src=|href=|@import|url\(/)
    expect(texts.html.match(/https?:[^"]+/g)).toEqual(Array(5).fill('http://www.w3.org/2000/svg'))
  })

  test('draws bars, lines and shares with coordinates that are numbers', () => {
    expect(numbers.length).toBeGreaterThan(50)
    for (const value of numbers) expect(value).toMatch(/^[MLHVhv\d\s.-]+$/)
  })

  test('writes names as text', () => {
    expect(texts.html).not.toContain('a<b>')
    expect(texts.html).toContain('a&#60;b&#62;&#38;&#34;c&#34;')
  })
})
