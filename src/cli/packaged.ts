import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PacelineError } from '../errors.ts'

const demo = 'models/demo'

/** What comes with this package, as seen from the working directory. */
export function packaged(name: string): string {
  return relative('', fileURLToPath(new URL(`../../${name}`, import.meta.url)))
}

/** The demo model where no model is given. Throws code `argument` where it is not there: packages do not hold it, clones do. */
export function modelOrDemo(folder: string | undefined): string {
  if (folder !== undefined) return folder
  const own = packaged(demo)
  if (existsSync(own)) return own
  throw new PacelineError('argument', 'give the folder of a model: the demo model is in clones of the project alone')
}

/** The prompts that come with this package. Throws code `argument` where they are not there. */
export function packagedSuite(): string {
  const suite = packaged('bench/prompts')
  if (existsSync(suite)) return suite
  throw new PacelineError('argument', 'there is no suite: give the questions to ask with --suite FILE or FOLDER')
}
