import { PacelineError } from '../../errors.ts'
import { discoFeatureNames, discoTopOf } from './disco-features.ts'
import type { Layer } from './feed-forward.ts'

/** The name of the file in the folder of the draft model. */
export const discoFileName = 'disco.json'

/** A classifier of guesses, as its file holds it: what `paceline train disco` writes and `draft:disco` reads. */
export interface DiscoFile {
  readonly format: 'paceline-disco'
  readonly version: 1
  /** `discoFeatureNames` of 1 to 8 likeliest tokens. */
  readonly features: readonly string[]
  /** Of each feature; the network sees (feature - mean) / deviation. */
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
  /** A feed-forward network with one output: the logit of the chance that a guess is accepted. */
  readonly layers: readonly Layer[]
  /** Drafting goes on while the chance is at least this. */
  readonly threshold: number
  readonly maxGuesses: number
  /** For people: what it was learned from, and how well. */
  readonly trainedOn?: Readonly<Record<string, unknown>>
  readonly metrics?: Readonly<Record<string, unknown>>
}

/** As many as a draft model tells of. */
const mostTop = 8

/** Checks what was read from a file. Throws code `format`, naming the field. */
export function parseDisco(value: unknown, where = discoFileName): DiscoFile {
  const refuse = (field: string, problem: string) =>
    new PacelineError('format', `${where}: ${field} ${problem}. Make the file with "paceline train disco".`)
  if (!isObject(value)) throw refuse('the content', 'is not an object')
  const { format, version, features, mean, deviation, layers, threshold, maxGuesses, trainedOn, metrics } = value
  if (format !== 'paceline-disco') throw refuse('format', `is ${show(format)}, expected "paceline-disco"`)
  if (version !== 1) throw refuse('version', `is ${show(version)}, expected 1`)
  const top = Array.isArray(features) ? discoTopOf(features) : undefined
  if (!(top !== undefined && top <= mostTop))
    throw refuse(
      'features',
      `is ${show(features)}, expected ${show(discoFeatureNames())} or of another number of tokens`,
    )
  const size = (features as string[]).length

  const numbers = (field: string, list: unknown, length: number): readonly number[] => {
    if (!(Array.isArray(list) && list.every(Number.isFinite))) throw refuse(field, 'is not a list of numbers')
    if (list.length !== length) throw refuse(field, `holds ${list.length} numbers, expected ${length}`)
    return list
  }
  const network = (): Layer[] => {
    if (!Array.isArray(layers) || layers.length === 0) throw refuse('layers', 'is not a list of layers')
    let inputs = size
    return layers.map((layer: unknown, i) => {
      const name = `layers[${i}]`
      if (!isObject(layer) || !Array.isArray(layer.weights)) throw refuse(`${name}.weights`, 'is not a list of rows')
      const outputs = layer.weights.length
      if (i === layers.length - 1 && outputs !== 1) throw refuse(`${name}.weights`, `has ${outputs} rows, expected 1`)
      const weights = layer.weights.map((row, j) => numbers(`${name}.weights[${j}]`, row, inputs))
      inputs = outputs
      return { weights, bias: numbers(`${name}.bias`, layer.bias, outputs) }
    })
  }

  const spread = numbers('deviation', deviation, size)
  if (!spread.every((x) => x > 0)) throw refuse('deviation', 'holds a number that is not above 0')
  if (!(typeof threshold === 'number' && threshold >= 0 && threshold <= 1))
    throw refuse('threshold', `is ${show(threshold)}, expected a number from 0 to 1`)
  if (!(Number.isSafeInteger(maxGuesses) && (maxGuesses as number) >= 1))
    throw refuse('maxGuesses', `is ${show(maxGuesses)}, expected an integer of at least 1`)
  return {
    ...{ format, version, features: features as string[], mean: numbers('mean', mean, size), deviation: spread },
    ...{ layers: network(), threshold, maxGuesses: maxGuesses as number },
    ...(isObject(trainedOn) && { trainedOn }),
    ...(isObject(metrics) && { metrics }),
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'missing'
}
