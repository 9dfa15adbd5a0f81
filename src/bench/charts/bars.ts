import { at, grey, label, line, palette, rectangle, svg, text, ticksTo } from './svg.ts'

export interface Bar {
  readonly name: string
  readonly value: number
  readonly low: number
  readonly high: number
}

const layout = { width: 800, left: 210, right: 60, top: 34, row: 24, bottom: 26 }

/** Speedups with their intervals, one bar each, and a line at 1: what plain decoding does. */
export function speedupBars(bars: readonly Bar[], title: string): string {
  const { width, left, right, top, row } = layout
  const ticks = ticksTo(Math.max(1, ...bars.map(({ high }) => high)))
  const px = (value: number) => left + ((width - left - right) * value) / ticks[ticks.length - 1]
  const end = top + row * bars.length
  return svg({ width, height: end + layout.bottom }, title, [
    ...ticks.flatMap((tick) => [
      line(`M${at(px(tick))} ${top}V${end}`, grey, 1, 0.25),
      text(px(tick), end + 16, `${tick}`, { anchor: 'middle' }),
    ]),
    ...bars.flatMap(({ name, value, low, high }, i) => {
      const middle = top + row * (i + 0.5)
      return [
        text(left - 8, middle + 4, label(name), { anchor: 'end' }),
        rectangle(left, middle - 8, px(value) - left, 16, palette[0]),
        line(
          `M${at(px(low))} ${at(middle)}H${at(px(high))}M${at(px(low))} ${at(middle - 4)}v8M${at(px(high))} ${at(middle - 4)}v8`,
          palette[1],
          2,
        ),
        text(px(high) + 8, middle + 4, value.toFixed(2)),
      ]
    }),
    line(`M${at(px(1))} ${top}V${end}`, grey, 1.5),
  ])
}
