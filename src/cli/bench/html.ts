import {
  acceptanceLines,
  type BenchReport,
  type BenchRow,
  escaped,
  speedupBars,
  timeShares,
} from '../../bench/index.ts'
import { headOf } from './report.ts'
import { legend, memoryTable, remarksOf, type Section, sectionsOf, speedupTable, taskTable } from './tables.ts'

const style = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; max-width: 50rem; height: auto; display: block; margin: 1.5rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { padding: 0.2rem 0.6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
pre { overflow-x: auto; padding: 0.6rem; background: #8882; }`

/** One page that needs nothing else: no scripts, no other files. Readable on light and dark. */
export function renderBenchHtml(report: BenchReport): string {
  const remarks = remarksOf(report).map((remark) => `<li>${escaped(remark)}</li>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Speedups of ${escaped(report.model.folder)}</title>
<style>${style}
</style>
</head>
<body>
<h1>Speedups of ${escaped(report.model.folder)}</h1>
${headOf(report)
  .map((line) => `<p>${escaped(line)}.</p>`)
  .join('\n')}
<pre>${escaped(report.settings.command)}</pre>
${sectionsOf(report).map(section).join('\n')}
<h2>Target</h2>
${htmlTable(memoryTable(report))}
${remarks.length > 0 ? `<ul>\n${remarks.join('\n')}\n</ul>\n` : ''}<p>${escaped(legend)}</p>
</body>
</html>
`
}

function section(one: Section): string {
  const all = one.rows.filter(({ task }) => task === 'all')
  const bar = ({ drafter: name, speedup: value, speedupLow: low, speedupHigh: high }: BenchRow) => ({
    name,
    value,
    low,
    high,
  })
  const lines = all
    .filter(({ acceptanceByPosition }) => acceptanceByPosition.length > 0)
    .map(({ drafter: name, acceptanceByPosition: values }) => ({ name, values }))
  return `<h2>${escaped(one.title)}</h2>
${speedupBars(all.map(bar), 'Speedup, all tasks')}
${lines.length > 0 ? acceptanceLines(lines, 'Accepted guesses by depth') : ''}
${timeShares(
  all.map(({ drafter: name, D, v, h }) => ({ name, D, v, h })),
  'Where the time of a step goes',
)}
${htmlTable(speedupTable(one))}
<h3>Speedup by task</h3>
${htmlTable(taskTable(one))}`
}

function htmlTable([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: 'th' | 'td') =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return `<div class="wide"><table>
<thead>${line(head, 'th')}</thead>
<tbody>
${rows.map((cells) => line(cells, 'td')).join('\n')}
</tbody>
</table></div>`
}
