import { createHash } from 'node:crypto'
import { renamed } from '../checkpoint/index.ts'
import type { TensorSource } from '../tensor/index.ts'

/** Tensors of two models: those of `second` under names that begin with `prefix`. Closing it closes neither. */
export function sideBySide(first: TensorSource, second: TensorSource, prefix: string): TensorSource {
  return together(first, renamed(second, new Map(Array.from(second.infos.keys(), (name) => [prefix + name, name]))))
}

/** Tensors of two sources, which have no name in common. Closing it closes neither. */
export function together(first: TensorSource, second: TensorSource): TensorSource {
  const holder = (name: string) => (second.infos.has(name) ? second : first)
  return {
    infos: new Map([...first.infos, ...second.infos]),
    read: async (name) => holder(name).read(name),
    readRows: async (name, start, end) => holder(name).readRows(name, start, end),
    close: async () => {},
  }
}

/** "sha256:" and the hash of all tensors, names included, in the order of names. Reads all of them. */
export async function weightsFingerprint(source: TensorSource): Promise<string> {
  const hash = createHash('sha256')
  for (const name of [...source.infos.keys()].sort()) {
    const { dtype, shape, data } = await source.read(name)
    hash.update(JSON.stringify([name, dtype, shape]))
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return `sha256:${hash.digest('hex')}`
}
