import { label, palette, rectangle, svg, text } from './svg.ts'

export interface Shares {
  readonly name: string
  /** Of a step, in any unit. */
  readonly D: number
  readonly v: number
  readonly h: number
}

const layout = { width: 800, left: 210, right: 60, top: 56, row: 24 }
const parts = [
  ['draft', 'D', palette[1]],
  ['verify', 'v', palette[0]],
  ['other', 'h', palette[4]],
] as const

/** Where the time of a step goes: drafting, the pass of the target that verifies, everything else. */
export function timeShares(rows: readonly Shares[], title: string): string {
  const { width, left, right, top, row } = layout
  const full = width - left - right
  return svg({ width, height: top + row * rows.length + 8 }, title, [
    ...parts.map(([name, , fill], i) => text(left + 80 * i, 42, name, { fill })),
    ...rows.flatMap((shares, i) => {
      const middle = top + row * (i + 0.5)
      const total = shares.D + shares.v + shares.h
      let from = left
      const bars = parts.map(([, field, fill]) => {
        const length = (full * shares[field]) / total
        from += length
        return rectangle(from - length, middle - 8, length, 16, fill)
      })
      return [text(left - 8, middle + 4, label(shares.name), { anchor: 'end' }), ...bars]
    }),
  ])
}
