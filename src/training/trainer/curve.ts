import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { readIfThere, replaceText } from '../../files.ts'

/** One update, as a line of the loss curve. */
export interface CurvePoint {
  readonly update: number
  readonly tokens: number
  readonly seconds: number
  readonly learningRate: number
  /** Mean over the update's tokens. */
  readonly loss: number
  readonly gradientNorm: number
  /** Only where there was an evaluation after this update. */
  readonly validationLoss: number | null
  /** Further means over the update's tokens, by name, such as the parts of the loss. */
  readonly metrics?: Readonly<Record<string, number>>
}

const columns = ['update', 'tokens', 'seconds', 'learningRate', 'loss', 'gradientNorm', 'validationLoss'] as const

/** The loss curve of a run: a CSV file that only grows. Metrics are columns behind the others. */
export class Curve {
  readonly file: string
  /** Known with the first point. */
  #metrics: readonly string[] | undefined

  constructor(file: string) {
    this.file = file
  }

  /**
   * To be called before the first point: keeps the lines up to update `last` and drops those after it, which a resumed
   * run writes again, and any that a crash cut off. Throws code `file` when it cannot be read or written.
   */
  async open(last: number): Promise<void> {
    await mkdir(dirname(this.file), { recursive: true })
    await this.#replace((await this.read()).filter(({ update }) => update <= last))
  }

  /** Adds the validation loss of an update that has its line already. Throws code `file`. */
  async evaluated(update: number, validationLoss: number | null): Promise<void> {
    const points = (await this.read()).map((point) => (point.update === update ? { ...point, validationLoss } : point))
    await this.#replace(points)
  }

  /** Throws code `file`. */
  async append(points: readonly CurvePoint[]): Promise<void> {
    if (points.length === 0) return
    if (this.#metrics === undefined) return this.#replace(points)
    await appendFile(this.file, this.#lines(points)).catch((cause: Error) => {
      throw new PacelineError('file', `${this.file}: cannot be written: ${cause.message}`, { cause })
    })
  }

  /** All points; none where there is no file. A line that is cut off ends the curve. */
  async read(): Promise<CurvePoint[]> {
    const text = (await readIfThere(this.file)) ?? ''
    const [header = '', ...rows] = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
    const metrics = header.split(',').slice(columns.length)
    const points: CurvePoint[] = []
    for (const row of rows) {
      const cells = row.split(',')
      if (cells.length !== columns.length + metrics.length) break
      const fields = (names: readonly string[], from: number) =>
        Object.fromEntries(names.map((name, i) => [name, cells[from + i] === '' ? null : Number(cells[from + i])]))
      const more = metrics.length > 0 && { metrics: fields(metrics, columns.length) }
      points.push({ ...fields(columns, 0), ...more } as unknown as CurvePoint)
    }
    return points
  }

  #replace(points: readonly CurvePoint[]): Promise<void> {
    if (points.length > 0) this.#metrics = Object.keys(points[0].metrics ?? {})
    return replaceText(this.file, `${[...columns, ...(this.#metrics ?? [])].join(',')}\n${this.#lines(points)}`)
  }

  #lines(points: readonly CurvePoint[]): string {
    const cells = (point: CurvePoint) => [
      ...columns.map((name) => point[name]),
      ...this.#metrics!.map((name) => point.metrics?.[name]),
    ]
    return points
      .map(
        (point) =>
          `${cells(point)
            .map((cell) => cell ?? '')
            .join(',')}\n`,
      )
      .join('')
  }
}
