/** Writes protobuf messages, as far as they are needed here: varints, floats, strings, bytes and nested messages. */
export class ProtobufWriter {
  #bytes = new Uint8Array(1 << 12)
  #length = 0

  int(field: number, value: number | bigint): void {
    this.#varint((field << 3) | 0)
    this.#varint(value)
  }

  float(field: number, value: number): void {
    this.#varint((field << 3) | 5)
    this.#append(new Uint8Array(new Float32Array([value]).buffer))
  }

  string(field: number, value: string): void {
    this.bytes(field, new TextEncoder().encode(value))
  }

  bytes(field: number, value: Uint8Array): void {
    this.#varint((field << 3) | 2)
    this.#varint(value.length)
    this.#append(value)
  }

  message(field: number, write: (message: ProtobufWriter) => void): void {
    const inner = new ProtobufWriter()
    write(inner)
    this.bytes(field, inner.finish())
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #varint(value: number | bigint): void {
    const digits: number[] = []
    let rest = BigInt.asUintN(64, BigInt(value))
    do {
      const low = Number(rest & 0x7fn)
      rest >>= 7n
      digits.push(rest ? low | 0x80 : low)
    } while (rest)
    this.#append(digits)
  }

  #append(bytes: ArrayLike<number>): void {
    if (this.#length + bytes.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + bytes.length))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }
}
