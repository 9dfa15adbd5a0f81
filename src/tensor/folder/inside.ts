import { lstat, realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { fileError } from '../safetensors/files.ts'
import { quote } from '../safetensors/json-reader.ts'

/**
 * The path of `name` in the folder `root` (a real path), or `undefined` where there is no such file. `from` is what names
 * it, for messages.
 * A downloaded folder decides nothing about files elsewhere: throws code `format` when the name or a link leaves it, `file` for a
 * link to nothing.
 */
export async function pathInside(root: string, name: string, from = basename(root)): Promise<string | undefined> {
  if (!/^[^/\\:\0][^\\:\0]*$/.test(name) || name.split('/').includes('..'))
    throw new PacelineError('format', `${from}: the file name ${quote(name)} is not a path inside the folder`)
  const path = join(root, name)
  const target = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    return error.code === 'ENOENT' ? undefined : fileError(name)(error)
  })
  if (target === undefined) {
    if (await lstat(path).catch(() => undefined))
      throw new PacelineError('file', `${name}: is a link to a file that is not there. Download it again.`)
    return undefined
  }
  if (target.startsWith(root + sep)) return path
  // In the Hugging Face cache, snapshots/<revision>/ holds links to files in blobs/ of the same repository.
  const isSnapshot = basename(dirname(root)) === 'snapshots'
  if (isSnapshot && dirname(target) === join(root, '..', '..', 'blobs')) return path
  throw new PacelineError('format', `${name}: is a link that leads outside its folder, to ${target}`)
}
