import { stat } from 'node:fs/promises'
import { PacelineError } from '../errors.ts'
import { openSafetensorsFolder, type TensorSource } from '../tensor/index.ts'
import type { StoredTemplate } from './chat.ts'
import { applyGenerationConfig, parseConfig } from './config.ts'
import { readJson, readText } from './json.ts'
import { parseRecipe } from './recipe.ts'
import type { ModelSpec } from './spec.ts'
import { createTextCodec, type TextCodec } from './text.ts'
import { validateTensors } from './validate.ts'

/** A model ready to be loaded: what it is, its weights (read on demand) and its text codec, checked for agreement. */
export interface Checkpoint {
  readonly folder: string
  readonly spec: ModelSpec
  readonly source: TensorSource
  readonly text: TextCodec
  close(): Promise<void>
}

/**
 * Opens a Hugging Face-style model folder: config.json, tokenizer.json, safetensors weights, and, where present,
 * generation_config.json, tokenizer_config.json, chat_template.jinja or .json, and paceline.json (a `Recipe`).
 * Throws code `file` (not there, not readable), `format` (breaks its format), `checkpoint` (files disagree) or
 * `unsupported` (a model that cannot run here).
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  await requireFolder(folder)
  const spec = await readSpec(folder)
  const text = await readTextCodec(folder, spec.vocabSize)
  const source = await openSafetensorsFolder(folder)
  try {
    validateTensors(spec, source)
  } catch (error) {
    await source.close()
    throw error
  }
  return { folder, spec, source, text, close: () => source.close() }
}

async function readSpec(folder: string): Promise<ModelSpec> {
  const spec = parseConfig(await requireJson(folder, 'config.json'))
  const generation = await readJson(folder, 'generation_config.json')
  const recipe = parseRecipe(await readJson(folder, 'paceline.json'))
  return { ...(generation === undefined ? spec : applyGenerationConfig(spec, generation)), ...(recipe && { recipe }) }
}

/**
 * Opens the text codec alone, of a folder that need not hold a model: tokenizer.json and, where present,
 * tokenizer_config.json and chat_template.jinja or .json. Throws code `file` or `format`.
 */
export async function openTextCodec(folder: string): Promise<TextCodec> {
  await requireFolder(folder)
  return readTextCodec(folder)
}

/** `vocabSize`: that of the model, if there is one. */
async function readTextCodec(folder: string, vocabSize = Number.POSITIVE_INFINITY): Promise<TextCodec> {
  const tokenizer = await requireJson(folder, 'tokenizer.json')
  const config = (await readJson(folder, 'tokenizer_config.json')) ?? {}
  if (!isObject(config)) throw new PacelineError('format', 'tokenizer_config.json: expected a JSON object.')
  return createTextCodec({ tokenizer, config, chatTemplate: await readChatTemplate(folder, config) }, vocabSize)
}

/** A file of its own takes precedence over the field in tokenizer_config.json, as in transformers. */
async function readChatTemplate(folder: string, config: Record<string, unknown>): Promise<StoredTemplate | null> {
  const jinja = await readText(folder, 'chat_template.jinja')
  if (jinja !== undefined) return { file: 'chat_template.jinja', value: jinja }
  const json = await readJson(folder, 'chat_template.json')
  if (isObject(json)) return { file: 'chat_template.json', value: json.chat_template }
  const value = config.chat_template ?? null
  return value === null ? null : { file: 'tokenizer_config.json', value }
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

async function requireJson(folder: string, file: string): Promise<unknown> {
  const json = await readJson(folder, file)
  if (json === undefined)
    throw new PacelineError(
      'file',
      `${folder}: there is no ${file}. A model folder holds config.json, tokenizer.json and model.safetensors.`,
    )
  return json
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
