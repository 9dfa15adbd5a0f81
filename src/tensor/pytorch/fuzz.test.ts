import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PacelineError } from '../../errors.ts'
import { bytesOf } from '../safetensors/files.ts'
import { damageBytes, type Random, randomFrom } from '../safetensors/mutate.ts'
import { tensor, zeros } from '../tensor.ts'
import { parseArchive } from './archive.ts'
import { openPytorch } from './reader.ts'
import { globals } from './values.ts'
import { assembleArchive, pytorchFile } from './write-archive.ts'
import { type PickledTensor, pickleTensors } from './write-pickle.ts'

/*
 * Damaged archives, and whole archives around damaged pickles, which get further. Each must be refused with an error of
 * ours, or every tensor must lie within the file and have the bytes that its shape takes. What the parser reads may not
 * be more than the file, and it may not take long.
 */

const plain: PickledTensor = {
  storage: '0',
  length: 6,
  type: 'FloatStorage',
  offset: 0,
  shape: [2, 3],
  strides: [3, 1],
}
const storages = new Map([
  ['0', new Uint8Array(24)],
  ['1', new Uint8Array(16)],
])
const pickles = [
  pickleTensors({}),
  pickleTensors({ a: plain }, false),
  pickleTensors({ a: plain, b: { ...plain, offset: 2, shape: [4], strides: [1], parameter: true } }),
  pickleTensors({ ids: { storage: '1', length: 2, type: 'LongStorage', offset: 1, shape: [], strides: [] }, a: plain }),
]
const archives = [
  ...pickles.map((pickle) => assembleArchive(pickle, storages)),
  pytorchFile({ x: zeros('bool', [7]), y: zeros('bf16', [2, 0]) }, { zip64: false }),
  pytorchFile({ x: tensor('i64', [1], BigInt64Array.of(5n)) }, { zip64Entries: true }),
]
const words = [0, 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]

function input(random: Random): Uint8Array {
  const inPickle = random.below(2) === 0
  const whole = inPickle ? pickles : archives
  let bytes = whole[random.below(whole.length)]
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(Math.max(1, bytes.length - 3))
    if (random.below(4) > 0 || at + 4 > bytes.length) bytes = damageBytes(bytes, whole, random)
    else {
      bytes = bytes.slice()
      new DataView(bytes.buffer).setUint32(at, words[random.below(words.length)], true)
    }
  }
  return inPickle ? assembleArchive(bytes, storages) : bytes
}

/** Whether the file was accepted; throws where something is wrong with that. */
async function check(file: Uint8Array): Promise<boolean> {
  let read = 0
  const access = {
    size: file.length,
    async read(bytes: Uint8Array, position: number) {
      if (!(position >= 0 && position + bytes.length <= file.length)) throw new Error(`read at ${position}`)
      read += bytes.length
      bytes.set(file.subarray(position, position + bytes.length))
    },
  }
  const began = performance.now()
  const tensors = await parseArchive(access, 'fuzz').catch(refusal)
  if (performance.now() - began > 5000) throw new Error('took more than 5 s')
  // Besides the entries, the beginning and the end of the file are looked at.
  if (read > 2 * file.length + 128) throw new Error(`read ${read} bytes of ${file.length}`)
  for (const [name, { type, shape, start, end }] of tensors ?? []) {
    const bits = shape.reduce((product, size) => product * BigInt(size), BigInt(type.bits))
    const inside = Number.isSafeInteger(start) && 0 <= start && start <= end && end <= file.length
    if (!inside || bits !== 8n * BigInt(end - start)) throw new Error(`${name}: [${shape}] at ${start} .. ${end}`)
  }
  return tensors !== undefined
}

function refusal(error: unknown): undefined {
  if (!PacelineError.isInstance(error) || !['format', 'unsupported', 'file'].includes(error.code)) throw error
  return undefined
}

test('24,000 damaged files are each refused cleanly or hold tensors that lie within them', async () => {
  let accepted = 0
  const crashes: string[] = []
  for (let seed = 0; seed < 24_000 && crashes.length < 5; seed++) {
    const file = input(randomFrom(Math.imul(seed + 1, 0x9e3779b1)))
    try {
      if (await check(file)) accepted++
    } catch (error) {
      crashes.push(`seed ${seed}: ${error}\n${Buffer.from(file).toString('base64')}`)
    }
  }
  expect(crashes).toEqual([])
  // Neither of them all: such a fuzzer would prove nothing.
  expect(accepted).toBeGreaterThan(1000)
  expect(accepted).toBeLessThan(20_000)
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(globals.size).toBe(12)
})

test('damaged files on disk are read as in memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'paceline-fuzz-'))
  try {
    const path = join(folder, 'fuzz.bin')
    let accepted = 0
    for (let seed = 0; seed < 200; seed++) {
      const file = input(randomFrom(seed))
      await writeFile(path, file)
      const source = await openPytorch(path).catch(refusal)
      expect(source !== undefined).toBe(await check(file))
      if (source === undefined) continue
      accepted++
      const access = {
        size: file.length,
        read: async (b: Uint8Array, at: number) => b.set(file.subarray(at, at + b.length)),
      }
      for (const [name, { type, start, end }] of await parseArchive(access, 'fuzz')) {
        if (type.dtype === null) await expect(source.read(name)).rejects.toMatchObject({ code: 'unsupported' })
        else expect(Buffer.compare(bytesOf((await source.read(name)).data), file.subarray(start, end))).toBe(0)
      }
      await source.close()
    }
    expect(accepted).toBeGreaterThan(5)
  } finally {
    await rm(folder, { recursive: true })
  }
})
