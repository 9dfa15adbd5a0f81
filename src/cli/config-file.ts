import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { PacelineError } from '../errors.ts'

/**
 * Takes the options that were not given on the command line from a JSON file: an object of option names as flags spell
 * them in camelCase ({ "learningRate": 0.001 }), or the record of a run, which holds such an object as "options". Values
 * go through the same readers as flags.
 * Throws code `file`, `format`, or `argument` naming file and field.
 */
export async function applyConfigFile(command: Command, file: string, ignored: readonly string[] = []): Promise<void> {
  const fail = (problem: string, cause?: unknown) => new PacelineError('argument', `${file}: ${problem}`, { cause })
  const content = await readFile(file, 'utf8').catch((cause) => {
    throw new PacelineError('file', `${file}: cannot be read: ${cause.message}`, { cause })
  })
  let json: unknown
  try {
    json = JSON.parse(content)
  } catch (cause) {
    throw new PacelineError('format', `${file}: not valid JSON: ${(cause as Error).message}`, { cause })
  }
  const values = isObject(json) && isObject(json.options) ? json.options : json
  if (!isObject(values)) throw fail('expected a JSON object of options, such as { "learningRate": 0.001 }.')
  for (const [name, value] of Object.entries(values)) {
    if (ignored.includes(name) || value === null) continue
    const option = command.options.find((option) => option.attributeName() === name)
    if (option === undefined) throw fail(`there is no option "${name}"; see --help.`)
    const source = command.getOptionValueSource(name)
    if (source === 'cli' || source === 'env') continue
    const isFlag = option.isBoolean()
    if (isFlag !== (typeof value === 'boolean'))
      throw fail(`${name} is ${JSON.stringify(value)}, expected ${isFlag ? 'true or false' : 'a text or a number'}.`)
    try {
      const parsed = option.parseArg && !isFlag ? option.parseArg(String(value), undefined as never) : value
      command.setOptionValueWithSource(name, parsed, 'config')
    } catch (cause) {
      throw fail(`${name} is ${JSON.stringify(value)}. ${(cause as Error).message}`, cause)
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
