import { PacelineError } from '../../errors.ts'
import { refuseLfsPointer } from '../safetensors/files.ts'
import type { StoredTensor } from '../safetensors/header.ts'
import type { RandomAccess } from './bytes.ts'
import type { Fail } from './cursor.ts'
import { locateTensors } from './locate.ts'
import { unpickle } from './pickle.ts'
import { listZip, type ZipEntry } from './zip.ts'

/*
 * What torch.save writes: a zip archive of stored entries in one folder, whose name is free.
 *   <folder>/data.pkl     a pickle of the dictionary, in which tensors are views of numbered storages
 *   <folder>/data/<key>   the bytes of a storage
 *   <folder>/byteorder    "little" or "big"; older files have none and are little-endian
 * Other entries (version, serialization_id) say nothing about the tensors.
 */

/**
 * Finds the tensors of a file that torch.save wrote, without reading them.
 * Throws code `format` for a file that breaks the format, `unsupported` for one that holds anything but a dictionary of
 * contiguous tensors, and as `bytes.read` does.
 */
export async function parseArchive(bytes: RandomAccess, file: string): Promise<Map<string, StoredTensor>> {
  const fail: Fail = (code, problem) => {
    throw new PacelineError(code, `${file}: ${problem}${advice[code]}`)
  }
  await refuseOtherFiles(bytes, file, fail)
  const entries = await listZip(bytes, file)
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name))
  if (pickles.length !== 1) fail('format', `the archive has ${pickles.length} entries data.pkl, expected one`)
  const folder = pickles[0].slice(0, -'data.pkl'.length)

  const order = entries.get(`${folder}byteorder`)
  if (order !== undefined && (await readEntry(bytes, order, 16, 'byteorder', fail)).toString() === 'big')
    fail('unsupported', 'its numbers are big-endian')
  const pickle = await readEntry(bytes, entries.get(pickles[0])!, maxPickleBytes, 'data.pkl', fail)
  const value = unpickle(pickle, (code, problem) => fail(code, `its pickle ${problem}`))
  return locateTensors(value, (key) => entries.get(`${folder}data/${key}`), fail)
}

/** A tensor takes some 150 bytes. */
const maxPickleBytes = 2 ** 24

const advice = {
  format: ': download it again.',
  unsupported: '. Only dictionaries of contiguous tensors are read: convert the file to safetensors.',
} as const

/** Files under the same name that are no archive, each with what to do about it. */
async function refuseOtherFiles(bytes: RandomAccess, file: string, fail: Fail): Promise<void> {
  const prefix = new Uint8Array(Math.min(bytes.size, 64))
  await bytes.read(prefix, 0)
  if (prefix.length === 0) fail('format', 'the file is empty (0 bytes)')
  refuseLfsPointer(prefix, file)
  // Until version 1.6 torch.save wrote pickles one after another, the first of which is a number of ten bytes.
  if (prefix[0] === 0x80 && prefix[2] === 0x8a && prefix[3] === 10)
    fail('unsupported', 'it was written by a torch.save of before version 1.6')
}

async function readEntry(
  bytes: RandomAccess,
  entry: ZipEntry,
  most: number,
  name: string,
  fail: Fail,
): Promise<Buffer> {
  if (entry.size > most) fail('unsupported', `its entry ${name} has ${entry.size} bytes, expected ${most} at most`)
  const content = Buffer.alloc(entry.size)
  await bytes.read(content, entry.start)
  return content
}
