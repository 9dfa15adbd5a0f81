import { PacelineError } from '../errors.ts'

/** A field of a message. What is not of the wire type that it is asked for as throws code `format`. */
export interface ProtobufField {
  readonly number: number
  /** A varint as a signed number. */
  int(): number
  float(): number
  bytes(): Uint8Array
  string(): string
}

/**
 * The fields of a protobuf message in the order they are stored, each as often as it is there. `file` begins the messages
 * of errors. Throws code `format` where the bytes are no such message.
 */
export function* protobufFields(message: Uint8Array, file: string): Generator<ProtobufField> {
  const fail = (problem: string): never => {
    throw new PacelineError('format', `${file}: ${problem}: not a protobuf message of this kind.`)
  }
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= message.length) fail('it ends within a number')
      const byte = message[at++]
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return fail(`a number of more than ten bytes ends at byte ${at}`)
  }
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) fail(`a field of ${length} bytes begins at byte ${at} of ${message.length}`)
    at += length
    return message.subarray(at - length, at)
  }

  while (at < message.length) {
    const start = at
    const key = varint()
    const number = Number(key >> 3n)
    const type = Number(key & 7n)
    let value = 0n
    let bytes = message.subarray(at, at)
    if (type === 0) value = varint()
    else if (type === 1) bytes = take(8)
    else if (type === 2) bytes = take(Number(varint()))
    else if (type === 5) bytes = take(4)
    else fail(`byte ${start} begins a field of wire type ${type}`)
    const expect = (wanted: number) => {
      if (type !== wanted) fail(`field ${number} is of wire type ${type}, expected ${wanted}`)
    }
    yield {
      number,
      int() {
        expect(0)
        return Number(BigInt.asIntN(64, value))
      },
      float() {
        expect(5)
        return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true)
      },
      bytes() {
        expect(2)
        return bytes
      },
      string() {
        expect(2)
        try {
          return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
        } catch {
          return fail(`field ${number} is not valid UTF-8`)
        }
      },
    }
  }
}
