import { createHash } from 'node:crypto'
import type { TensorInfo, TensorSource } from '../tensor/index.ts'

/**
 * Tensors of two models side by side: those of `second` under names that begin with `prefix`. Closing it closes neither.
 */
export function sideBySide(first: TensorSource, second: TensorSource, prefix: string): TensorSource {
  const infos = new Map<string, TensorInfo>(first.infos)
  for (const [name, info] of second.infos) infos.set(prefix + name, { ...info, name: prefix + name })
  const find = (name: string): [TensorSource, string] =>
    name.startsWith(prefix) ? [second, name.slice(prefix.length)] : [first, name]
  return {
    infos,
    async read(name) {
      const [source, own] = find(name)
      return source.read(own)
    },
    async readRows(name, start, end) {
      const [source, own] = find(name)
      return source.readRows(own, start, end)
    },
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
