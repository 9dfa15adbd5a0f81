import { decodeUtf8 } from '../safetensors/header.ts'

/** Stops reading: throws an error about the file. */
export type Fail = (code: 'format' | 'unsupported', problem: string) => never

/** Reads the operands of a pickle's instructions, from its first byte on and never beyond its last. */
export class Cursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #fail: Fail
  #at = 0

  constructor(bytes: Uint8Array, fail: Fail) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#fail = fail
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true)
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true)
  }

  /** A signed little-endian number of any length, as LONG1 has it. Refused where a double cannot hold it. */
  integer(length: number): number {
    const start = this.#advance(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[start + i])
    const number = Number(BigInt.asIntN(8 * length, value))
    return Number.isSafeInteger(number)
      ? number
      : this.#fail('format', `holds the number ${number}, too large to count with`)
  }

  /** UTF-8 text of `length` bytes. */
  text(length: number): string {
    const start = this.#advance(length)
    return this.#decode(start, start + length)
  }

  /** Text up to the next line feed, which is taken and left out. */
  line(): string {
    const start = this.#at
    const end = this.#bytes.indexOf(0x0a, start)
    this.#advance((end === -1 ? this.#bytes.length : end) + 1 - start)
    return this.#decode(start, end)
  }

  #decode(start: number, end: number): string {
    return decodeUtf8(this.#bytes.subarray(start, end)) ?? this.#fail('format', `holds text that is not valid UTF-8`)
  }

  /** Takes `length` bytes and returns where they begin. */
  #advance(length: number): number {
    const start = this.#at
    if (length > this.left) this.#fail('format', `ends in the middle of an instruction, at byte ${start}`)
    this.#at += length
    return start
  }
}
