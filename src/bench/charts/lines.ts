import { at, grey, label, line, palette, svg, text } from './svg.ts'

export interface Series {
  readonly name: string
  /** Shares from 0 to 1, at depths 1, 2 ... */
  readonly values: readonly number[]
}

const layout = { width: 800, left: 46, right: 220, top: 34, bottom: 40 }

/** Which share of the guesses at each depth was accepted. */
export function acceptanceLines(series: readonly Series[], title: string): string {
  const { width, left, right, top } = layout
  // Room for all names beside it.
  const height = Math.max(260, 18 * series.length)
  const deepest = Math.max(1, ...series.map(({ values }) => values.length))
  const [end, bottom] = [width - right, top + height]
  const px = (depth: number) => left + (deepest > 1 ? ((end - left) * (depth - 1)) / (deepest - 1) : (end - left) / 2)
  const py = (share: number) => bottom - height * share
  const every = Math.ceil(deepest / 16)
  const depths = Array.from({ length: deepest }, (_, i) => i + 1).filter((depth) => (depth - 1) % every === 0)
  return svg({ width, height: bottom + layout.bottom }, title, [
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      line(`M${left} ${at(py(share))}H${end}`, grey, 1, 0.25),
      text(left - 8, py(share) + 4, `${100 * share} %`, { anchor: 'end' }),
    ]),
    ...depths.map((depth) => text(px(depth), bottom + 18, `${depth}`, { anchor: 'middle' })),
    text(end, bottom + 34, 'depth of the guess', { anchor: 'end' }),
    ...series.flatMap(({ name, values }, i) => {
      const stroke = palette[i % palette.length]
      const points = values.map((value, depth) => `${at(px(depth + 1))} ${at(py(value))}`)
      return [
        line(`M${points.join('L')}`, stroke, 2),
        // A line of one point is none.
        ...points.map((point) => `<circle cx="${point.replace(' ', '" cy="')}" r="3" fill="${stroke}"/>`),
        text(end + 14, top + 12 + 18 * i, label(name), { fill: stroke }),
      ]
    }),
  ])
}
