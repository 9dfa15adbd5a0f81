/*
 * What the charts of reports have in common: self-contained SVG, no scripts, colours that read on light and dark.
 */

/** One after the other; far enough apart for eyes that see fewer colours, and in print. */
export const palette = ['#3b82f6', '#ea580c', '#16a34a', '#a855f7', '#ca8a04', '#0891b2', '#db2777', '#65a30d'] as const

export const grey = '#777'

export interface Size {
  readonly width: number
  readonly height: number
}

export function svg({ width, height }: Size, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="12" fill="${grey}">`,
    `<title>${escaped(title)}</title>`,
    text(0, 18, title, { size: 15 }),
    ...parts,
    '</svg>\n',
  ].join('\n')
}

export interface TextOptions {
  readonly anchor?: 'middle' | 'end'
  readonly size?: number
  readonly fill?: string
}

export function text(x: number, y: number, content: string, { anchor, size, fill }: TextOptions = {}): string {
  const attributes = [
    anchor && ` text-anchor="${anchor}"`,
    size !== undefined && ` font-size="${size}"`,
    fill && ` fill="${fill}"`,
  ]
  return `<text x="${at(x)}" y="${at(y)}"${attributes.filter(Boolean).join('')}>${escaped(content)}</text>`
}

export function rectangle(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(Math.max(0, width))}" height="${at(height)}" fill="${fill}"/>`
}

export function line(path: string, stroke: string, width = 1, opacity = 1): string {
  return `<path d="${path}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-opacity="${opacity}"/>`
}

/** A coordinate as it is written: a tenth of a unit is less than anyone sees. */
export function at(value: number): string {
  return String(Number(value.toFixed(1)))
}

/** Text for the content of an element, or an attribute in double quotes. */
export function escaped(content: string): string {
  return content.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A name that has to fit beside a chart: its end, which tells folders and variants apart. */
export function label(name: string): string {
  return name.length > 30 ? `\u2026${name.slice(-29)}` : name
}

/** Round numbers from 0 to at least `high`, 4 to 9 of them. */
export function ticksTo(high: number): number[] {
  const magnitude = 10 ** Math.floor(Math.log10(high))
  const step = [0.2, 0.5, 1, 2].map((part) => part * magnitude).find((part) => high / part <= 7)!
  return Array.from({ length: Math.ceil(high / step - 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(12)))
}
