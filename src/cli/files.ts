import { access, constants, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { PacelineError } from '../errors.ts'

/**
 * The prompt: from the command line, from `file`, or from stdin where there is neither or the argument is "-". Of a file
 * or stdin the last line break is dropped: it is how files end.
 * Throws code `argument` where there is none, more than one or an empty one, `file` for a file that cannot be read.
 */
export async function readPrompt(argument: string | undefined, file: string | undefined): Promise<string> {
  const prompt = await find(argument, file)
  if (prompt === '') throw new PacelineError('argument', 'the prompt is empty: give some text to continue')
  return prompt
}

async function find(argument: string | undefined, file: string | undefined): Promise<string> {
  if (file !== undefined) {
    if (argument !== undefined)
      throw new PacelineError('argument', 'there are two prompts: give an argument or --prompt-file, not both')
    return withoutLineBreak(await readFile(file, 'utf8').catch(failed('--prompt-file: cannot be read')))
  }
  if (argument !== undefined && argument !== '-') return argument
  if (argument === undefined && process.stdin.isTTY)
    throw new PacelineError(
      'argument',
      'there is no prompt: give it as an argument, with --prompt-file FILE, or through a pipe',
    )
  return withoutLineBreak(await text(process.stdin))
}

function withoutLineBreak(text: string): string {
  return text.replace(/\r?\n$/, '')
}

/** Finds out before long work whether its result can be stored. Throws code `file`. */
export async function requireWritableFolder(file: string): Promise<void> {
  await access(dirname(file), constants.W_OK).catch(failed(`${file}: cannot be written`))
}

function failed(what: string): (cause: unknown) => never {
  return (cause) => {
    throw new PacelineError('file', `${what}: ${(cause as Error).message}`, { cause })
  }
}
