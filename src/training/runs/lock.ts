import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { readIfThere } from '../../files.ts'

/** The file that says which process trains in a folder; what a dead one left is taken over. */
const lockFile = 'training.lock'

/**
 * Keeps other processes from training in `folder`, which is made where it is not there, until disposed of.
 * Throws code `file` where one does, or the folder cannot be written.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  const path = join(folder, lockFile)
  const self = await identityOf(process.pid)
  try {
    await mkdir(folder, { recursive: true })
    while (!(await created(path, self))) await removeDead(folder, path)
  } catch (cause) {
    if (PacelineError.isInstance(cause)) throw cause
    throw new PacelineError('file', `${folder}: cannot be written: ${(cause as Error).message}`, { cause })
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
}

/** False where the file is there already. */
async function created(path: string, content: string): Promise<boolean> {
  // Linked into place, so that nobody reads a lock that is not written yet.
  const own = `${path}.${randomUUID()}`
  const handle = await open(own, 'w')
  try {
    await handle.writeFile(content)
    await link(own, path)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw cause
  } finally {
    await handle.close()
    await rm(own, { force: true })
  }
}

async function removeDead(folder: string, path: string): Promise<void> {
  const found = await readIfThere(path)
  if (found === undefined) return
  const pid = Number.parseInt(found, 10)
  if (pid > 0 && (await identityOf(pid)) === found)
    throw new PacelineError(
      'file',
      `${folder}: process ${pid} is training there. Wait for it, end it, or train into another folder.`,
    )
  // Between reading and removing, another process may have done the same and put its own lock there: that one goes back.
  const aside = `${path}.${randomUUID()}`
  await rename(path, aside).catch(() => {})
  if (((await readIfThere(aside)) ?? found) !== found) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

/** The process and, where the system tells, when it started: numbers of processes are used again. Empty for a dead one. */
async function identityOf(pid: number): Promise<string> {
  try {
    process.kill(pid, 0)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return ''
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // "pid (name) state ...": the name may hold anything; the start is field 22, the 20th behind the name.
  const started = status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  return `${pid} ${started}\n`
}
