import { type BenchReport, type BenchRow, bestConstants, tolerance } from '../../bench/index.ts'
import { bytes, short } from '../terminal.ts'

/*
 * The tables of `paceline bench` as cells, for a terminal, Markdown and HTML alike.
 */

/** All rows of one dtype at one temperature. */
export interface Section {
  readonly title: string
  readonly rows: readonly BenchRow[]
}

export function sectionsOf({ runs }: BenchReport): Section[] {
  const sections = new Map<string, BenchRow[]>()
  for (const row of runs) {
    const title = `${row.dtype}, temperature ${row.temperature}`
    sections.set(title, [...(sections.get(title) ?? []), row])
  }
  return [...sections].map(([title, rows]) => ({ title, rows }))
}

/** Over all tasks: the speedup, its parts, and what speaks for and against it. */
export function speedupTable({ rows }: Section): string[][] {
  return [
    [
      'drafter',
      'speedup',
      '95 %',
      'tau',
      'D',
      'v',
      'h',
      'predicted',
      'measured',
      'off by',
      'tokens/s',
      'plain',
      'with prompt',
      'Spec-Bench',
      'no loops',
      'same text',
    ],
    ...rows.filter(({ task }) => task === 'all').map(speedupCells),
  ]
}

function speedupCells(row: BenchRow): string[] {
  const two = (value: number) => value.toFixed(2)
  return [
    row.drafter,
    two(row.speedup),
    `${two(row.speedupLow)}-${two(row.speedupHigh)}`,
    two(row.tau),
    row.D.toFixed(3),
    two(row.v),
    row.h.toFixed(3),
    two(row.predicted),
    two(row.measured),
    `${signedPercent(row.largestDeviation)}${suspicious(row) ? ' !' : ''}`,
    short(row.tokensPerSecond),
    short(row.plainTokensPerSecond),
    two(row.endToEndSpeedup),
    two(row.specBenchSpeedup),
    row.speedupWithoutLoops === null ? '-' : two(row.speedupWithoutLoops),
    `${row.identical}/${row.prompts}`,
  ]
}

/** Speedups by task; a line for each drafter. */
export function taskTable({ rows }: Section): string[][] {
  const tasks = [...new Set(rows.map(({ task }) => task))]
  const drafters = [...new Set(rows.map(({ drafter }) => drafter))]
  const find = (drafter: string, task: string) => rows.find((row) => row.drafter === drafter && row.task === task)
  return [
    ['drafter', ...tasks],
    ...drafters.map((drafter) => [drafter, ...tasks.map((task) => find(drafter, task)?.speedup.toFixed(2) ?? '-')]),
  ]
}

/** What the target takes with each kind of weights. */
export function memoryTable({ model: { dtypes } }: BenchReport): string[][] {
  const rows = Object.keys(dtypes[0]?.v ?? {})
  return [
    ['dtype', 'weights', 'cache', 'peak so far', 'one row, ms', ...rows.map((count) => `v(${count})`)],
    ...dtypes.map(({ dtype, weightBytes, cacheBytes, peakBytes, rowMs, v }) => [
      dtype,
      ...[weightBytes, cacheBytes, peakBytes].map(bytes),
      short(rowMs),
      ...rows.map((count) => v[count].toFixed(2)),
    ]),
  ]
}

/** What no table says. */
export function remarksOf({ runs, notes, complete, settings }: BenchReport): string[] {
  const loops = Math.max(0, ...runs.filter(({ task }) => task === 'all').map((row) => row.loops))
  const doubtful = runs.filter((row) => row.task === 'all' && suspicious(row))
  // By rejection they are as likely as those of plain decoding, and others.
  const mustMatch = ({ temperature }: BenchRow) => temperature === 0 || settings.rule === 'target-draw'
  const changed = runs.filter((row) => row.task === 'all' && row.identical < row.prompts && mustMatch(row))
  return [
    ...(complete ? [] : ['The measurement was interrupted: these are the prompts and rounds that were whole.']),
    ...notes,
    ...bestConstants(runs).map(
      ({ drafter, dtype, temperature, speedup }) =>
        `Best constant, ${dtype}, temperature ${temperature}: ${drafter}, ${speedup.toFixed(2)}.`,
    ),
    ...(loops > 0
      ? [
          `Texts that end in a loop, on which every drafter looks good: ${loops}. "no loops" is the speedup over the others.`,
        ]
      : []),
    ...(doubtful.length > 0
      ? [
          `Marked with "!": the parts of a run miss what the clock says by more than ${100 * tolerance} %; ` +
            'something takes time that no step counts, or the machine was disturbed.',
        ]
      : []),
    ...(settings.rule === 'typical-lossy' && runs.some(({ temperature }) => temperature > 0)
      ? [
          'NOT LOSSLESS above temperature 0: acceptance by typical-lossy writes what the drafter guesses more often than the ' +
            'model would; these speedups are not to be compared with exact ones.',
        ]
      : []),
    ...(changed.length > 0 ? [`Not every text is that of plain decoding: see "same text".`] : []),
  ]
}

function suspicious({ largestDeviation }: BenchRow): boolean {
  return Math.abs(largestDeviation) > tolerance
}

function signedPercent(share: number): string {
  const value = (100 * share).toFixed(1)
  return `${share > 0 && value !== '0.0' ? '+' : ''}${value === '-0.0' ? '0.0' : value} %`
}

/** How to read the columns. */
export const legend =
  'speedup: time per token of plain decoding over that with the drafter, without reading the prompt; the geometric mean ' +
  'over prompts of medians over rounds, and its 95 % bootstrap interval. tau: tokens per pass. D, v, h: drafting, the ' +
  'pass, everything else, per step, in passes of one row. predicted: tau (1 + h of plain decoding) / (D + v + h), of all ' +
  'runs together; measured: the same by a clock outside of the loop; off by: the largest gap between the two in a run.'
