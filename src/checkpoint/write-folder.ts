import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { PacelineError } from '../errors.ts'
import { isThere } from '../files.ts'

/** Says where a folder comes from, and that it may be replaced. */
const provenanceFile = 'paceline.json'

/**
 * Writes a folder as a whole, paceline.json with it: until all of it is there, `folder` is as it was. `fill` writes the
 * other files into a folder beside it, JSON by its second argument.
 * Throws code `argument` where `folder` holds something else than an earlier one written here, `file` when writing fails,
 * and what `fill` throws.
 */
export async function writeFolder(
  folder: string,
  provenance: Readonly<Record<string, unknown>>,
  fill: (unfinished: string, json: (file: string, value: object) => Promise<void>) => Promise<void>,
): Promise<void> {
  await requireReplaceable(folder)
  const unfinished = join(dirname(folder), `.${basename(folder)}.${process.pid}.tmp`)
  const json = (file: string, value: object) =>
    writeFile(join(unfinished, file), `${JSON.stringify(value, null, 2)}\n`, { flush: true })
  try {
    await mkdir(unfinished, { recursive: true })
    await fill(unfinished, json)
    await json(provenanceFile, provenance)
    await rm(folder, { recursive: true, force: true })
    await rename(unfinished, folder)
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true })
    if (PacelineError.isInstance(cause)) throw cause
    throw new PacelineError('file', `${folder}: cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/** Throws code `argument` where `folder` is there and was not written by `writeFolder`. */
async function requireReplaceable(folder: string): Promise<void> {
  if ((await isThere(folder)) && !(await isThere(join(folder, provenanceFile))))
    throw new PacelineError(
      'argument',
      `${folder}: is there already and was not written by Paceline (no ${provenanceFile}). Give another folder.`,
    )
}
