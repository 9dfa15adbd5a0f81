import { expect, test } from 'vitest'
import { parseArchive } from './archive.ts'
import type { RandomAccess } from './bytes.ts'
import { opcodes } from './opcodes.ts'
import { assembleArchive } from './write-archive.ts'
import { type PickledTensor, PickleWriter, pickleTensors } from './write-pickle.ts'
import { writeZip } from './write-zip.ts'

const memory = (file: Uint8Array): RandomAccess => ({
  size: file.length,
  read: async (bytes, position) => bytes.set(file.subarray(position, position + bytes.length)),
})
const storages = new Map([['0', new Uint8Array(24)]])
const parsed = (pickle: Uint8Array) => parseArchive(memory(assembleArchive(pickle, storages)), 'head.bin')
const refused = (code: string, message: string) => ({ code, message: expect.stringContaining(message) })

const plain: PickledTensor = {
  storage: '0',
  length: 6,
  type: 'FloatStorage',
  offset: 0,
  shape: [2, 3],
  strides: [3, 1],
}

test('names outside the list are refused, and named', async () => {
  for (const [module, name] of [
    ['os', 'system'],
    ['builtins', 'eval'],
    ['torch', 'UntypedStorage'],
    ['torch', 'FloatStorage.__reduce__'],
    ['torch._utils', '_rebuild_tensor_v3'],
    ['__proto__', 'constructor'],
  ]) {
    const pickle = new PickleWriter().global(module, name).op('MARK').text('true').op('TUPLE').op('REDUCE').bytes()
    await expect(parsed(pickle)).rejects.toMatchObject(
      refused('unsupported', `head.bin: its pickle refers to "${module}.${name}". `),
    )
  }
})

test('every instruction that torch.save does not need is refused, and named', async () => {
  const needed = new Set([
    ...['PROTO', 'STOP', 'NONE', 'NEWTRUE', 'NEWFALSE', 'BININT', 'BININT1', 'BININT2', 'LONG1', 'BINUNICODE'],
    ...['MARK', 'EMPTY_TUPLE', 'TUPLE1', 'TUPLE2', 'TUPLE3', 'TUPLE', 'EMPTY_DICT', 'SETITEM', 'SETITEMS'],
    ...['BINPUT', 'LONG_BINPUT', 'BINGET', 'LONG_BINGET', 'GLOBAL', 'BINPERSID', 'REDUCE', 'BUILD'],
  ])
  const names = new Map<number, string>(Object.entries(opcodes).map(([name, code]) => [code, name]))
  for (let code = 0; code < 256; code++) {
    const name = names.get(code) ?? 'of code'
    if (needed.has(name)) continue
    await expect(parsed(Uint8Array.of(0x80, 2, code, 0x2e))).rejects.toMatchObject(
      refused('unsupported', `the instruction ${name} 0x${code.toString(16)} at byte 2. `),
    )
  }
})

test('calls and states of anything but tensors are refused', async () => {
  const writer = () => new PickleWriter()
  const cases: [PickleWriter, string][] = [
    [writer().global('torch', 'FloatStorage').op('EMPTY_TUPLE').op('REDUCE'), 'calls torch.FloatStorage'],
    [writer().text('os.system').op('EMPTY_TUPLE').op('REDUCE'), 'calls a string'],
    [writer().global('torch._utils', '_rebuild_tensor_v2').op('EMPTY_TUPLE').op('REDUCE'), 'makes a tensor from other'],
    [writer().global('torch._utils', '_rebuild_parameter').op('EMPTY_TUPLE').op('REDUCE'), 'makes a parameter from'],
    [writer().global('collections', 'OrderedDict').tuple([1]).op('REDUCE'), 'an OrderedDict from a list'],
    [writer().text('0').op('BINPERSID'), 'is not a storage'],
    [writer().tensor(plain).op('EMPTY_DICT').op('BUILD'), 'sets the state of a tensor'],
    [writer().op('EMPTY_DICT').integer(1).integer(2).op('SETITEM'), 'has a number as the key'],
    [writer().tensor(plain), 'holds a tensor, not a dictionary of tensors'],
    [writer().op('EMPTY_DICT').text('epoch').integer(3).op('SETITEM'), 'tensor "epoch" is a number'],
    [writer().op('EMPTY_DICT').text('state_dict').op('EMPTY_DICT').op('SETITEM'), '"state_dict" is a dictionary'],
    [writer().op('PROTO', 4), 'is of protocol 4'],
  ]
  for (const [pickle, message] of cases)
    await expect(parsed(pickle.bytes())).rejects.toMatchObject(refused('unsupported', message))
})

test('bytes that make no pickle are refused', async () => {
  const cases: [number[], string][] = [
    [[], 'ends in the middle of an instruction, at byte 0'],
    [[opcodes.EMPTY_DICT], 'ends in the middle'],
    [[opcodes.BINUNICODE, 255, 255, 255, 255, 65], 'ends in the middle'],
    [[opcodes.GLOBAL, 65, 65], 'ends in the middle'],
    [[opcodes.BINUNICODE, 1, 0, 0, 0, 0xff], 'not valid UTF-8'],
    [[opcodes.STOP], 'takes a value where there is none'],
    [[opcodes.EMPTY_DICT, opcodes.MARK, opcodes.BINPUT, 0], 'takes a value where there is none'],
    [[opcodes.TUPLE], 'since a mark where there is none'],
    [[opcodes.BINGET, 7], 'refers to value "7", which is not there'],
    [[opcodes.EMPTY_DICT, opcodes.NONE, opcodes.STOP], 'values that nothing has taken'],
    [[opcodes.EMPTY_DICT, opcodes.MARK, opcodes.NONE, opcodes.SETITEMS], 'a key without a value'],
    [[opcodes.EMPTY_DICT, opcodes.STOP, opcodes.STOP], 'goes on for 1 bytes after its end'],
    [[opcodes.LONG1, 8, 0, 0, 0, 0, 0, 0, 0, 1], 'too large to count with'],
  ]
  for (const [bytes, message] of cases)
    await expect(parsed(Uint8Array.from(bytes))).rejects.toMatchObject(refused('format', message))
})

test('a tensor that does not lie in its storage in one piece is refused by its name', async () => {
  const cases: [Partial<PickledTensor>, string, string][] = [
    [{ strides: [1, 2] }, 'unsupported', 'tensor "a" of shape [2,3] has strides [1,2], it is not contiguous'],
    [{ strides: [0, 1] }, 'unsupported', 'not contiguous'],
    [{ offset: 1 }, 'format', 'tensor "a" of shape [2,3] begins at element 1 of storage "0", which has 6'],
    [{ shape: [3, 3] }, 'format', 'begins at element 0'],
    [{ shape: [2 ** 52, 2 ** 52], strides: [2 ** 52, 1] }, 'format', 'begins at element 0'],
    [{ shape: [], strides: [], offset: 6 }, 'format', 'begins at element 6'],
    [{ length: 5 }, 'format', 'storage "0" of 5 elements F32, which has 24 bytes'],
    [{ type: 'LongStorage' }, 'format', 'which has 24 bytes'],
    [{ storage: '1' }, 'format', 'storage "1", which is not there'],
    [{ storage: '../data.pkl' }, 'format', 'which is not there'],
    [{ shape: [6], strides: [1, 1] }, 'unsupported', 'makes a tensor from other values'],
    [{ shape: [-6], strides: [1] }, 'unsupported', 'makes a tensor from other values'],
    [{ type: 'OrderedDict' }, 'unsupported', 'refers to "torch.OrderedDict"'],
  ]
  for (const [change, code, message] of cases)
    await expect(parsed(pickleTensors({ a: { ...plain, ...change } }))).rejects.toMatchObject(refused(code, message))
  expect((await parsed(pickleTensors({ a: plain }))).get('a')).toMatchObject({ shape: [2, 3] })
})

test('an archive without one pickle, or with a name twice, is refused', async () => {
  const pickle = pickleTensors({})
  const archive = (...names: string[]) =>
    parseArchive(memory(writeZip(names.map((name) => [name, pickle] as const))), 'head.bin')
  await expect(archive('a/version')).rejects.toMatchObject(refused('format', '0 entries data.pkl'))
  await expect(archive('a/data.pkl', 'b/data.pkl')).rejects.toMatchObject(refused('format', '2 entries data.pkl'))
  await expect(archive('a/data.pkl', 'a/data.pkl')).rejects.toMatchObject(refused('format', 'two entries'))
  expect((await archive('a/data.pkl')).size).toBe(0)
})

test('a pickle cannot take memory without end', async () => {
  const many = (...bytes: number[]) =>
    Uint8Array.from({ length: bytes.length * 600_000 }, (_, i) => bytes[i % bytes.length])
  for (const bytes of [[opcodes.EMPTY_DICT, opcodes.BINPUT, 0], [opcodes.MARK], [opcodes.NONE], [opcodes.EMPTY_TUPLE]])
    await expect(parsed(many(...bytes))).rejects.toMatchObject({ code: 'unsupported' })
  // Each pair holds the one before it twice: no one may walk through it.
  const doubling = [
    opcodes.EMPTY_DICT,
    ...many(opcodes.BINPUT, 0, opcodes.BINGET, 0, opcodes.TUPLE2).subarray(0, 50_000),
  ]
  await expect(parsed(Uint8Array.from([...doubling, opcodes.STOP]))).rejects.toMatchObject(
    refused('unsupported', 'holds a tuple'),
  )
})
