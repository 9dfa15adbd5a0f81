import { InvalidArgumentError } from 'commander'
import { readContestants } from '../bench/index.ts'
import { type Dtype, dtypes } from '../checkpoint/index.ts'
import { type SamplingOptions, validateSampling } from '../decoding/index.ts'
import { readDrafter } from '../drafters/index.ts'

/** What the argument of most commands is. */
export const modelFolder = 'a Llama-family model: config.json, tokenizer.json, and safetensors or pytorch_model.bin'
export const modelFolderOrDemo = `${modelFolder} (default: models/demo of a clone)`

/*
 * Readers of flags: from the text on the command line to a value. What they throw, commander prints behind the name of
 * the flag and what was given.
 */

/** Any number. */
export function number(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.')
  return value
}

/** An integer of at least `low`. */
export function integer(low: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!(Number.isSafeInteger(value) && value >= low))
      throw new InvalidArgumentError(`Expected an integer of at least ${low}.`)
    return value
  }
}

/** An integer from `low` to `high`. */
export function integerBetween(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = integer(low)(text)
    if (value > high) throw new InvalidArgumentError(`Expected an integer from ${low} to ${high}.`)
    return value
  }
}

/** One such integer, or several with commas between them. */
export function integers(low: number): (text: string) => number[] {
  return (text) => text.split(',').map(integer(low))
}

/** A number in the range that the library gives this sampling option: refused before a model is loaded. */
export function sampling(name: Exclude<keyof SamplingOptions, 'logitBias'>): (text: string) => number {
  return (text) => {
    const value = number(text)
    accept(() => validateSampling({ [name]: value }, Number.POSITIVE_INFINITY))
    return value
  }
}

/** `id=value`, once or more. */
export function logitBias(text: string, before: Record<number, number> = {}): Record<number, number> {
  const [, id, value] = /^(\d+)=(.+)$/s.exec(text) ?? []
  if (id === undefined) throw new InvalidArgumentError('Expected TOKEN-ID=NUMBER, such as 13=-100.')
  const bias = { ...before, [Number(id)]: number(value) }
  accept(() => validateSampling({ logitBias: bias }, Number.POSITIVE_INFINITY))
  return bias
}

/** Text that is not empty, once or more. */
export function texts(text: string, before: readonly string[] = []): string[] {
  if (text === '') throw new InvalidArgumentError('Expected text.')
  return [...before, text]
}

/** `name[:variant][=path]`, as the library knows it. */
export function drafter(text: string): string {
  accept(() => readDrafter(text))
  return text
}

/** Drafters to compare, with commas between them: those of the library, `all`, and what only reports know. */
export function contestants(text: string): string[] {
  const names = textList(text)
  accept(() => readContestants(names))
  return names
}

/** One text, or several with commas between them; each once. */
export function textList(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('')) throw new InvalidArgumentError('Expected text before and after each comma.')
  return [...new Set(names)]
}

/** One temperature, or several with commas between them; each once. */
export function temperatures(text: string): number[] {
  return [...new Set(text.split(',').map(sampling('temperature')))]
}

/** Any number of at least `low`. */
export function numberAtLeast(low: number): (text: string) => number {
  return (text) => {
    const value = number(text)
    if (value < low) throw new InvalidArgumentError(`Expected a number of at least ${low}.`)
    return value
  }
}

/** A number above `low`. */
export function above(low: number): (text: string) => number {
  return (text) => {
    const value = number(text)
    if (!(value > low)) throw new InvalidArgumentError(`Expected a number above ${low}.`)
    return value
  }
}

/** A number from 0 to 1. */
export function share(text: string): number {
  const value = number(text)
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('Expected a number from 0 to 1.')
  return value
}

/** One dtype, or several with commas between them. */
export function dtypeList(text: string): Dtype[] {
  const names = text.split(',').map((name) => name.trim())
  for (const name of names)
    if (!(dtypes as readonly string[]).includes(name))
      throw new InvalidArgumentError(`There is no dtype "${name}", expected ${dtypes.join(', ')}.`)
  return [...new Set(names as Dtype[])]
}

function accept(check: () => void): void {
  try {
    check()
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
