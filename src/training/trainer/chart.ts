import type { CurvePoint } from './curve.ts'

export interface ChartOptions {
  readonly title: string
  /** Updates on a logarithmic axis: the steep beginning does not squeeze the rest. */
  readonly logX?: boolean
}

const size = { width: 800, height: 420, left: 60, right: 20, top: 40, bottom: 45 }
const plot = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom }

/**
 * The loss curve as a self-contained SVG: training loss, thinned to a mean per pixel and a half, and validation loss.
 * No scripts, no fonts of its own; readable on light and dark.
 */
export function chart(points: readonly CurvePoint[], { title, logX = false }: ChartOptions): string {
  const training = thin(
    points.map(({ update, loss }) => [update, loss]),
    logX,
  )
  const validation = points.flatMap(({ update, validationLoss }): Pair[] =>
    validationLoss === null ? [] : [[update, validationLoss]],
  )
  const all = [...training, ...validation].filter(([, y]) => Number.isFinite(y))
  const [first, last] = range(all.map(([x]) => x))
  const yTicks = ticks(...range(all.map(([, y]) => y)))
  const [low, high] = range(yTicks)
  const along = (x: number) => (logX ? Math.log(x / first) / Math.log(last / first) : (x - first) / (last - first))
  const px = (x: number) => size.left + plot.width * (last > first ? along(x) : 0.5)
  const py = (y: number) => size.top + plot.height * (high > low ? (high - y) / (high - low) : 0.5)
  const path = (pairs: readonly Pair[]) =>
    pairs.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join('')
  const xTicks = (logX ? powersOfTen(first, last) : ticks(first, last)).filter((x) => x >= first && x <= last)
  const right = size.left + plot.width
  const bottom = size.top + plot.height

  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12" fill="#777">`,
    `<title>${escaped(title)}</title>`,
    `<text x="${size.left}" y="22" font-size="15">${escaped(title)}</text>`,
    ...yTicks.map(
      (y) =>
        `<path d="M${size.left} ${py(y).toFixed(1)}H${right}" stroke="#777" stroke-opacity="0.25"/>` +
        `<text x="${size.left - 8}" y="${(py(y) + 4).toFixed(1)}" text-anchor="end">${number(y)}</text>`,
    ),
    ...xTicks.map(
      (x) =>
        `<text x="${px(x).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${x.toLocaleString('en-US')}</text>`,
    ),
    `<text x="${right}" y="${bottom + 36}" text-anchor="end">updates</text>`,
    `<path d="${path(training)}" fill="none" stroke="#3b82f6" stroke-width="1.2"/>`,
    `<path d="${path(validation)}" fill="none" stroke="#ea580c" stroke-width="2"/>`,
    ...validation.map(([x, y]) => `<circle cx="${px(x).toFixed(1)}" cy="${py(y).toFixed(1)}" r="2.5" fill="#ea580c"/>`),
    `<text x="${right}" y="22" text-anchor="end"><tspan fill="#3b82f6">training loss</tspan>  <tspan fill="#ea580c">validation loss</tspan></text>`,
    '</svg>',
  ]
  return `${lines.join('\n')}\n`
}

type Pair = readonly [update: number, loss: number]

/** Means over groups of neighbouring updates, as many as can be told apart. */
function thin(pairs: readonly Pair[], logX: boolean): Pair[] {
  if (pairs.length === 0) return []
  const [first, last] = [pairs[0][0], pairs[pairs.length - 1][0]]
  const share = (x: number) => (logX ? Math.log(x / first) / Math.log(last / first) : (x - first) / (last - first))
  const groups = new Map<number, Pair[]>()
  for (const pair of pairs) {
    const group = last > first ? Math.floor((share(pair[0]) * plot.width) / 1.5) : 0
    groups.set(group, [...(groups.get(group) ?? []), pair])
  }
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  return [...groups.values()].map((group) => [mean(group.map(([x]) => x)), mean(group.map(([, y]) => y))])
}

function range(values: readonly number[]): [low: number, high: number] {
  const finite = values.length === 0 ? [1] : values
  return [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))]
}

/** Round numbers, 4 to 9 of them, that enclose low .. high. */
function ticks(low: number, high: number): number[] {
  const span = high > low ? high - low : Math.abs(low) || 1
  const magnitude = 10 ** Math.floor(Math.log10(span))
  const step = [0.2, 0.5, 1].map((part) => part * magnitude).find((part) => span / part <= 7)!
  const from = Math.floor(low / step)
  const to = Math.ceil(high / step)
  return Array.from({ length: Math.max(1, to - from) + 1 }, (_, i) => Number(((from + i) * step).toPrecision(12)))
}

function powersOfTen(low: number, high: number): number[] {
  const from = Math.ceil(Math.log10(low))
  return Array.from({ length: Math.max(0, Math.floor(Math.log10(high)) - from + 1) }, (_, i) => 10 ** (from + i))
}

function number(value: number): string {
  return String(Number(value.toPrecision(4)))
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)
}
