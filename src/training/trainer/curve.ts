import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { readIfThere, replaceText } from './storage.ts'

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
}

const columns = ['update', 'tokens', 'seconds', 'learningRate', 'loss', 'gradientNorm', 'validationLoss'] as const

/** The loss curve of a run: a CSV file that only grows. */
export class Curve {
  readonly file: string

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
    await appendFile(this.file, points.map(line).join('')).catch((cause: Error) => {
      throw new PacelineError('file', `${this.file}: cannot be written: ${cause.message}`, { cause })
    })
  }

  /** All points; none where there is no file. A line that is cut off ends the curve. */
  async read(): Promise<CurvePoint[]> {
    const text = (await readIfThere(this.file)) ?? ''
    const points: CurvePoint[] = []
    for (const row of text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(1)) {
      const cells = row.split(',')
      if (cells.length !== columns.length) break
      const values = columns.map((name, i) => [name, cells[i] === '' ? null : Number(cells[i])])
      points.push(Object.fromEntries(values) as CurvePoint)
    }
    return points
  }

  #replace(points: readonly CurvePoint[]): Promise<void> {
    return replaceText(this.file, `${columns.join(',')}\n${points.map(line).join('')}`)
  }
}

function line(point: CurvePoint): string {
  return `${columns.map((name) => point[name] ?? '').join(',')}\n`
}
