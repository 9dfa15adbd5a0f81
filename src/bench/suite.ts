import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../errors.ts'
import { expectedQuestion as expected, parseQuestion, type Question } from '../training/index.ts'

/**
 * Reads the questions of a JSONL file, or of all *.jsonl files of a folder in the order of their names. Other fields are
 * ignored, and so are blank lines.
 * Throws code `file` for what cannot be read, `format` with file and line for what breaks the format.
 */
export async function readSuite(path: string): Promise<Question[]> {
  const found = await stat(path).catch(failed(path))
  const files = found.isDirectory()
    ? (await readdir(path).catch(failed(path)))
        .filter((name) => name.endsWith('.jsonl'))
        .sort()
        .map((name) => join(path, name))
    : [path]
  const questions: Question[] = []
  const places = new Map<number, string>()
  for (const file of files)
    for (const [index, line] of (await readFile(file, 'utf8').catch(failed(file))).split('\n').entries()) {
      if (line.trim() === '') continue
      const where = `${file}, line ${index + 1}`
      const question = parseQuestion(line, where)
      const before = places.get(question.id)
      if (before !== undefined)
        throw new PacelineError('format', `${where}: question_id ${question.id} is that of ${before}; give it another.`)
      places.set(question.id, where)
      questions.push(question)
    }
  if (questions.length === 0) throw new PacelineError('format', `${path}: there are no questions; ${expected}.`)
  return questions
}

function failed(path: string): (cause: unknown) => never {
  return (cause) => {
    throw new PacelineError('file', `${path}: cannot be read: ${(cause as Error).message}`, { cause })
  }
}
