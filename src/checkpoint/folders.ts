import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PacelineError } from '../errors.ts'
import { adapterConfigFile, baseModelOf } from './adapter/config.ts'
import { readJson } from './json.ts'

/** Where the files of a model are looked for. */
export interface ModelFolders {
  readonly own: string
  /** Of an adapter: the folder of its base model, and the content of its adapter_config.json. */
  readonly adapterOf?: { readonly base: string; readonly config: unknown }
}

/**
 * The folders of a whole model or of an adapter, which names its base model by a path, relative to its own folder.
 * Throws code `file` where a folder is not there, `format` for a configuration that is none, `unsupported` for an adapter of
 * an adapter.
 */
export async function modelFolders(folder: string): Promise<ModelFolders> {
  await requireFolder(folder)
  const config = await readJson(folder, adapterConfigFile)
  if (config === undefined) return { own: folder }
  const name = baseModelOf(config)
  const base = resolve(folder, name)
  const isFolder = await stat(base).then(
    (found) => found.isDirectory(),
    () => false,
  )
  const where = `${adapterConfigFile}: base_model_name_or_path is "${name}"`
  if (!isFolder)
    throw new PacelineError(
      'file',
      `${where}, and ${base} is no folder. Download the base model, and give the path of its folder there, as it is seen ` +
        `from ${folder}.`,
    )
  if ((await readJson(base, adapterConfigFile)) !== undefined)
    throw new PacelineError('unsupported', `${where}, an adapter itself, expected a whole model.`)
  return { own: folder, adapterOf: { base, config } }
}

/** The adapter's folder before that of its base model. */
export function searched({ own, adapterOf }: ModelFolders): readonly string[] {
  return adapterOf ? [own, adapterOf.base] : [own]
}

/** The content of a JSON file of the first of these folders that has it; `undefined` where none has. Throws as `readJson`. */
export async function firstJson(folders: readonly string[], file: string): Promise<unknown> {
  for (const folder of folders) {
    const json = await readJson(folder, file)
    if (json !== undefined) return json
  }
  return undefined
}

/** Throws code `file` where no folder has it, with `advice`. */
export async function requireJson(
  folders: readonly string[],
  file: string,
  advice = 'A model folder holds config.json, tokenizer.json and the weights.',
): Promise<unknown> {
  const json = await firstJson(folders, file)
  if (json === undefined) throw new PacelineError('file', `${folders.join(', ')}: there is no ${file}. ${advice}`)
  return json
}

/** The folder that a model's tokenizer files are in: an adapter's own, or its base model's. Throws as `modelFolders` does. */
export async function tokenizerFolder(folder: string): Promise<string> {
  return tokenizerFolderOf(await modelFolders(folder))
}

export async function tokenizerFolderOf({ own, adapterOf }: ModelFolders): Promise<string> {
  if (adapterOf === undefined) return own
  const ownTokenizer = await stat(join(own, 'tokenizer.json')).catch(() => undefined)
  return ownTokenizer ? own : adapterOf.base
}

/** Throws code `file` where there is no such folder. */
export async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((cause: NodeJS.ErrnoException) => {
    const problem = cause.code === 'ENOENT' ? 'there is no such folder' : cause.message
    throw new PacelineError('file', `${folder}: ${problem}. Expected a model folder.`, { cause })
  })
  if (!found.isDirectory())
    throw new PacelineError(
      'file',
      `${folder}: not a folder. Expected the folder that holds config.json and the weights.`,
    )
}
