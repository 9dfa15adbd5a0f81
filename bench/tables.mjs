/*
 * Writes the tables of README.md and docs/ from the reports of `paceline bench`, between <!-- table NAME --> and
 * <!-- end -->, so that no figure is copied by hand. With --check it writes nothing, and fails where a table is not that
 * of its report.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const file = (name) => new URL(`../${name}`, import.meta.url)

/** The rows of a report, and how to find one. */
function report(name) {
  const { runs } = JSON.parse(readFileSync(file(`bench/reports/${name}.json`), 'utf8'))
  const find = (drafter, dtype, temperature, task = 'all') => {
    const found = runs.find(
      (run) => run.drafter === drafter && run.dtype === dtype && run.temperature === temperature && run.task === task,
    )
    if (found) return found
    throw new Error(`bench/reports/${name}.json: has no ${drafter}, ${dtype}, temperature ${temperature}, task ${task}`)
  }
  return { runs, find }
}

const two = (value) => value.toFixed(2)
const three = (value) => value.toFixed(3)
const thousands = (value) => value.toLocaleString('en-US')

/** The whole comparison: greedy f32 with its parts and by task, then what was measured with other weights or drawn. */
function comparison(name, drafters) {
  const { runs, find } = report(name)
  const has = (dtype, temperature) => runs.some((run) => run.dtype === dtype && run.temperature === temperature)
  const tasks = [...new Set(runs.map(({ task }) => task))].filter((task) => task !== 'all')
  const elsewhere = [
    ...['int8', 'int4'].filter((dtype) => has(dtype, 0)).map((dtype) => [`S, ${dtype}`, dtype, 0, 'speedup']),
    ...(has('f32', 1)
      ? [
          ['S, temperature 1', 'f32', 1, 'speedup'],
          ['tau there', 'f32', 1, 'tau'],
        ]
      : []),
  ]
  const all = drafters ?? [...new Set(runs.map(({ drafter }) => drafter))]
  return markdown(
    [
      'f32, greedy',
      'S',
      '95 %',
      ...tasks,
      'all',
      'tau',
      'D',
      'v',
      'h',
      'passes: target + draft',
      ...elsewhere.map(([title]) => title),
    ],
    all.map((drafter) => {
      const run = find(drafter, 'f32', 0)
      return [
        `\`${drafter}\``,
        two(run.speedup),
        `${two(run.speedupLow)} to ${two(run.speedupHigh)}`,
        ...tasks.map((task) => two(find(drafter, 'f32', 0, task).speedup)),
        two(run.measured),
        two(run.tau),
        three(run.D),
        two(run.v),
        three(run.h),
        `${thousands(run.forwards)} + ${thousands(run.draftForwards)}`,
        ...elsewhere.map(([, dtype, temperature, what]) => two(find(drafter, dtype, temperature)[what])),
      ]
    }),
  )
}

/** One line for each method, the fastest first. */
function methods() {
  const { find } = report('methods')
  const names = [
    'eagle2',
    'draft:cost-aware',
    'eagle3',
    'eagle',
    'prompt-lookup',
    'medusa',
    'lookahead',
    'bita',
    'jacobi',
  ]
  const rows = names.map((name) => ({ name, run: find(name, 'f32', 0) })).sort((a, b) => b.run.speedup - a.run.speedup)
  return markdown(
    ['drafter', 'S', 'all', 'tau', 'D', 'v', 'h', 'S, int8', 'S, temperature 1'],
    rows.map(({ name, run }) => [
      `\`${name.replace(':cost-aware', '')}\``,
      ...[run.speedup, run.measured, run.tau, run.D, run.v, run.h].map(two),
      two(find(name, 'int8', 0).speedup),
      two(find(name, 'f32', 1).speedup),
    ]),
  )
}

function markdown(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`
  return line(head) + line(head.map((_, column) => (column === 0 ? '---' : '---:'))) + rows.map(line).join('')
}

const policies = [
  ...['prompt-lookup', 'jacobi', 'lookahead', 'draft:constant-3', 'draft:constant-6', 'draft:heuristic'],
  ...['draft:confidence', 'draft:adaptive', 'draft:disco', 'draft:cost-aware', 'draft:oracle'],
]

const tables = {
  'README.md': { methods: methods() },
  'docs/measured.md': {
    methods: comparison('methods'),
    cllm: comparison('cllm'),
    policies: comparison('demo', policies),
  },
}

const checkOnly = process.argv.includes('--check')
for (const [name, contents] of Object.entries(tables)) {
  const text = readFileSync(file(name), 'utf8')
  let written = text
  for (const [table, content] of Object.entries(contents)) {
    const place = new RegExp(`(<!-- table ${table} -->\n)[^]*?(<!-- end -->)`)
    if (!place.test(written)) throw new Error(`${name}: there is no place for the table "${table}"`)
    written = written.replace(place, (_, begin, end) => `${begin}\n${content}\n${end}`)
  }
  if (written === text) continue
  if (checkOnly) {
    console.error(`${name}: its tables are not those of bench/reports. Run: npm run tables`)
    process.exitCode = 1
  } else writeFileSync(file(name), written)
}
