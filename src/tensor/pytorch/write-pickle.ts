import { opcodes } from './opcodes.ts'

/*
 * Writes pickles as torch.save does, and on request otherwise, so that tests make their own files.
 */

/** A tensor as the pickle tells of it. Offset, shape and strides count elements. */
export interface PickledTensor {
  /** Key of its storage, and the storage's length. */
  readonly storage: string
  readonly length: number
  /** The storage's class: "HalfStorage" and so on. */
  readonly type: string
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  /** Wrapped as a parameter. */
  readonly parameter?: boolean
}

/** Puts together the bytes of a pickle. What can be referred to again is memorised, as Python does. */
export class PickleWriter {
  readonly #bytes: number[] = []
  readonly #memo = new Map<string, number>()
  #memoSize = 0

  constructor() {
    this.op('PROTO', 2)
  }

  op(name: keyof typeof opcodes, ...operands: readonly number[]): this {
    this.#bytes.push(opcodes[name], ...operands)
    return this
  }

  memorise(): this {
    const index = this.#memoSize++
    return index < 256 ? this.op('BINPUT', index) : this.op('LONG_BINPUT', ...littleEndian(index, 4))
  }

  text(value: string): this {
    const utf8 = new TextEncoder().encode(value)
    return this.#once(`text ${value}`, () => this.op('BINUNICODE', ...littleEndian(utf8.length, 4), ...utf8))
  }

  global(module: string, name: string): this {
    const line = new TextEncoder().encode(`${module}\n${name}\n`)
    return this.#once(`global ${module} ${name}`, () => this.op('GLOBAL', ...line))
  }

  integer(value: number): this {
    if (value >= 0 && value < 0x100) return this.op('BININT1', value)
    if (value >= 0 && value < 0x10000) return this.op('BININT2', ...littleEndian(value, 2))
    if (value === (value | 0)) return this.op('BININT', ...littleEndian(value, 4))
    return this.op('LONG1', 8, ...littleEndian(value, 8))
  }

  boolean(value: boolean): this {
    return this.op(value ? 'NEWTRUE' : 'NEWFALSE')
  }

  tuple(values: readonly number[]): this {
    if (values.length === 0) return this.op('EMPTY_TUPLE')
    if (values.length > 3) this.op('MARK')
    for (const value of values) this.integer(value)
    return this.op((['TUPLE1', 'TUPLE2', 'TUPLE3'] as const)[values.length - 1] ?? 'TUPLE').memorise()
  }

  orderedDict(): this {
    return this.global('collections', 'OrderedDict').op('EMPTY_TUPLE').op('REDUCE').memorise()
  }

  tensor({ storage, length, type, offset, shape, strides, parameter = false }: PickledTensor): this {
    if (parameter) this.global('torch._utils', '_rebuild_parameter')
    this.global('torch._utils', '_rebuild_tensor_v2').op('MARK')
    this.op('MARK').text('storage').global('torch', type).text(storage).text('cpu').integer(length)
    this.op('TUPLE').memorise().op('BINPERSID')
    this.integer(offset).tuple(shape).tuple(strides).boolean(false).orderedDict()
    this.op('TUPLE').memorise().op('REDUCE').memorise()
    if (parameter) this.boolean(true).orderedDict().op('TUPLE3').memorise().op('REDUCE').memorise()
    return this
  }

  /** Ends the pickle. */
  bytes(): Uint8Array {
    this.op('STOP')
    return Uint8Array.from(this.#bytes)
  }

  #once(what: string, write: () => void): this {
    const index = this.#memo.get(what)
    if (index !== undefined)
      return index < 256 ? this.op('BINGET', index) : this.op('LONG_BINGET', ...littleEndian(index, 4))
    write()
    this.#memo.set(what, this.#memoSize)
    return this.memorise()
  }
}

/**
 * The pickle of a dictionary of tensors: an OrderedDict with the versions of its modules beside it, as `state_dict()`
 * gives, or a plain dict.
 */
export function pickleTensors(tensors: Readonly<Record<string, PickledTensor>>, ordered = true): Uint8Array {
  const writer = new PickleWriter()
  if (ordered) writer.orderedDict()
  else writer.op('EMPTY_DICT').memorise()
  writer.op('MARK')
  for (const [name, tensor] of Object.entries(tensors)) writer.text(name).tensor(tensor)
  writer.op('SETITEMS')
  if (ordered) {
    writer.op('EMPTY_DICT').memorise().text('_metadata').orderedDict()
    writer.text('').op('EMPTY_DICT').memorise().text('version').integer(1).op('SETITEM').op('SETITEM')
    writer.op('SETITEM').op('BUILD')
  }
  return writer.bytes()
}

export function littleEndian(value: number, length: number): number[] {
  const bytes: number[] = []
  for (let rest = BigInt(value); bytes.length < length; rest >>= 8n) bytes.push(Number(rest & 0xffn))
  return bytes
}
