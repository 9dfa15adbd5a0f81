import { styleText } from 'node:util'

/*
 * How text and numbers look on a terminal. `styleText` colours for its stream only where that is a terminal with
 * colours, and follows NO_COLOR and FORCE_COLOR.
 */

/** Text that the model took over from a drafter. */
export function drafted(text: string): string {
  return styleText('green', text, { stream: process.stdout })
}

/** A remark on stderr. */
export function remark(text: string): void {
  process.stderr.write(`${styleText('dim', text, { stream: process.stderr })}\n`)
}

/** Text of a model for a terminal: control characters, which could do anything there, become visible (U+2400 ...). */
export function harmless(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    if (character === '\n' || character === '\t') return character
    const code = character.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\u2421'
  })
}

export function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ')
}

/** A line on stderr that tells how far something is and is written over; nothing where stderr is no terminal. */
export function progressLine() {
  let label = ''
  let from = 0
  let shown = Number.NEGATIVE_INFINITY
  return {
    /** `share` is 0 to 1. The time left is reckoned from the first call with this label. */
    update(task: string, share: number): void {
      const now = performance.now()
      if (task !== label) [label, from, shown] = [task, now, Number.NEGATIVE_INFINITY]
      if (!process.stderr.isTTY || now - shown < 50) return
      shown = now
      const left = share > 0 && share < 1 ? `  ${Math.ceil(((now - from) * (1 - share)) / share / 1000)} s left` : ''
      process.stderr.write(`\r\x1b[K${task}  ${Math.floor(100 * share)} %${left}`)
    },
    /** Any text of one line. */
    show(text: string): void {
      const now = performance.now()
      if (!process.stderr.isTTY || now - shown < 50) return
      shown = now
      process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`)
    },
    clear(): void {
      if (shown > 0) process.stderr.write('\r\x1b[K')
      shown = Number.NEGATIVE_INFINITY
    },
  }
}

/** Columns under one another: the first one flush left, the others flush right. */
export function table(rows: readonly (readonly string[])[], indent = '  '): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column]) : text.padStart(widths[column])
  return rows.map((row) => `${indent}${row.map(cell).join('  ').trimEnd()}\n`).join('')
}

/** The same as a table of Markdown; a "|" in a cell stays a character. */
export function markdownTable([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '---:'))), ...rows.map(line)].join('')
}

/** Names and what they are, under one another. */
export function list(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}\n`).join('')
}

/** Three digits, or all of those before the point: 0.0123, 1.23, 12.3, 1,234. */
export function short(value: number): string {
  return Math.abs(value) >= 99.95 || value === 0 ? count(Math.round(value)) : value.toPrecision(3)
}

/** 1,234,567. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** 1 h 05 min, 12 min 30 s, 45 s. */
export function duration(seconds: number): string {
  const [s, m] = [Math.round(seconds), Math.round(seconds / 60)]
  const two = (value: number) => String(value).padStart(2, '0')
  if (s < 60) return `${s} s`
  return s < 3600 ? `${Math.floor(s / 60)} min ${two(s % 60)} s` : `${count(Math.floor(m / 60))} h ${two(m % 60)} min`
}

/** 1.23 MB: units of 1000. */
export function bytes(value: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)))
  return unit === 0 ? `${value} bytes` : `${short(value / 1000 ** unit)} ${units[unit]}`
}

export function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`
}
