import { crc32 } from 'node:zlib'
import { littleEndian } from './write-pickle.ts'

export interface ZipOptions {
  /** The end of the directory in the form for large archives, which torch.save writes always. */
  readonly zip64?: boolean
  /** Sizes and offsets of the entries, too, in the form for large ones. */
  readonly zip64Entries?: boolean
  /** Method of compression that the entries claim. */
  readonly method?: number
}

/** A zip archive of stored entries, each beginning at a multiple of 64 bytes as those of torch.save do. */
export function writeZip(entries: readonly (readonly [string, Uint8Array])[], options: ZipOptions = {}): Uint8Array {
  const { zip64 = true, zip64Entries = false, method = 0 } = options
  const u16 = (value: number) => littleEndian(value, 2)
  const u32 = (value: number) => littleEndian(value, 4)
  const u64 = (value: number) => littleEndian(value, 8)
  const pieces: Uint8Array[] = []
  const directory: number[] = []
  let at = 0
  const append = (bytes: Uint8Array) => {
    pieces.push(bytes)
    at += bytes.length
  }

  for (const [name, content] of entries) {
    const utf8 = new TextEncoder().encode(name)
    const offset = at
    const padding = (128 - ((at + 30 + utf8.length + 4) % 64)) % 64
    const sizes = zip64Entries
      ? [...u32(0xffffffff), ...u32(0xffffffff)]
      : [...u32(content.length), ...u32(content.length)]
    const extra = zip64Entries
      ? [...u16(1), ...u16(24), ...u64(content.length), ...u64(content.length), ...u64(offset)]
      : []
    // Version, flags (names are UTF-8), method, time, date, checksum.
    const common = [...u16(45), ...u16(0x800), ...u16(method), ...u16(0), ...u16(0), ...u32(crc32(content)), ...sizes]
    const filler = [...u16(0x4246), ...u16(padding), ...new Array<number>(padding).fill(0x5a)]
    append(
      Uint8Array.from([...u32(0x04034b50), ...common, ...u16(utf8.length), ...u16(filler.length), ...utf8, ...filler]),
    )
    append(content)
    directory.push(...u32(0x02014b50), ...u16(45), ...common, ...u16(utf8.length), ...u16(extra.length), ...u16(0))
    directory.push(...u16(0), ...u16(0), ...u32(0), ...u32(zip64Entries ? 0xffffffff : offset), ...utf8, ...extra)
  }

  const start = at
  append(Uint8Array.from(directory))
  const count = entries.length
  if (zip64) {
    const end = at
    append(
      Uint8Array.from([
        ...[...u32(0x06064b50), ...u64(44), ...u16(45), ...u16(45), ...u32(0), ...u32(0), ...u64(count), ...u64(count)],
        ...[...u64(directory.length), ...u64(start), ...u32(0x07064b50), ...u32(0), ...u64(end), ...u32(1)],
      ]),
    )
  }
  const last = zip64 ? [0xffff, 0xffff, 0xffffffff, 0xffffffff] : [count, count, directory.length, start]
  append(
    Uint8Array.from([
      ...[...u32(0x06054b50), ...u16(0), ...u16(0), ...u16(last[0]), ...u16(last[1]), ...u32(last[2]), ...u32(last[3])],
      ...u16(0),
    ]),
  )
  return new Uint8Array(Buffer.concat(pieces))
}
