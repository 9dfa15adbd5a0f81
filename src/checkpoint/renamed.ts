import { PacelineError } from '../errors.ts'
import type { TensorInfo, TensorSource } from '../tensor/index.ts'

/** Notes that `original` is to be called `name`. Throws code `checkpoint` where another tensor has that name already. */
export function addName(names: Map<string, string>, name: string, original: string, { infos }: TensorSource): void {
  const other = names.get(name)
  if (other !== undefined)
    throw new PacelineError(
      'checkpoint',
      `${infos.get(original)!.file}: "${other}" and "${original}" are two names of one tensor, expected one of them.`,
    )
  names.set(name, original)
}

/** The same tensors under other names; `originals` maps the new to the old. */
export function renamed(source: TensorSource, originals: ReadonlyMap<string, string>): TensorSource {
  // A name that is not there stays as it is, for the source's own complaint.
  const original = (name: string) => originals.get(name) ?? name
  return {
    infos: new Map<string, TensorInfo>(
      Array.from(originals, ([name, old]) => [name, { ...source.infos.get(old)!, name }]),
    ),
    read: async (name) => source.read(original(name)),
    readRows: async (name, start, end) => source.readRows(original(name), start, end),
    close: () => source.close(),
  }
}
