import { join } from 'node:path'
import { PacelineError } from '../errors.ts'
import { isThere } from '../files.ts'
import { openWeights, type TensorSource } from '../tensor/index.ts'
import { type Adapter, openAdapter } from './adapter/open.ts'
import type { StoredTemplate } from './chat.ts'
import { applyGenerationConfig, parseConfig } from './config.ts'
import { firstJson, type ModelFolders, modelFolders, requireJson, searched, tokenizerFolderOf } from './folders.ts'
import { readJson, readText } from './json.ts'
import { parseRecipe, type Recipe } from './recipe.ts'
import { sentencePieceFile } from './sentencepiece/convert.ts'
import type { ModelSpec } from './spec.ts'
import { createTextCodec, type TextCodec } from './text.ts'
import { validateTensors } from './validate.ts'

/** A model ready to be loaded: what it is, its weights (read on demand) and its text codec, checked for agreement. */
export interface Checkpoint {
  readonly folder: string
  readonly spec: ModelSpec
  readonly source: TensorSource
  readonly text: TextCodec
  /** Where the folder is that of an adapter; `source` is the model that it makes of its base. */
  readonly adapter?: Adapter
  close(): Promise<void>
}

/**
 * Opens a Hugging Face-style model folder: config.json, tokenizer.json, weights (as `openWeights` reads them), and, where present,
 * generation_config.json, tokenizer_config.json, chat_template.jinja or .json, and paceline.json (a `Recipe`). Or the folder
 * of a low-rank adapter as PEFT writes it, adapter_config.json and adapter_model.safetensors: its base model with the
 * adapter's products added; what else the adapter's folder does not hold is the base model's.
 * Throws code `file` (not there, not readable), `format` (breaks its format), `checkpoint` (files disagree) or
 * `unsupported` (a model that cannot run here).
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const folders = await modelFolders(folder)
  const spec = await readSpec(searched(folders))
  const text = await readTextCodec(folders, spec.vocabSize)
  const { adapterOf } = folders
  const source = await openWeights(adapterOf?.base ?? folder)
  try {
    validateTensors(spec, source)
    if (adapterOf === undefined) return { folder, spec, source, text, close: () => source.close() }
    const adapted = await openAdapter(folder, adapterOf, { spec, source })
    const close = async () => {
      await adapted.adapter.stored.adapter.close()
      await source.close()
    }
    return { folder, spec, text, ...adapted, close }
  } catch (error) {
    await source.close()
    throw error
  }
}

async function readSpec(folders: readonly string[]): Promise<ModelSpec> {
  const spec = parseConfig(await requireJson(folders, 'config.json'))
  const generation = await firstJson(folders, 'generation_config.json')
  const recipe = await readRecipe(folders)
  return { ...(generation === undefined ? spec : applyGenerationConfig(spec, generation)), ...(recipe && { recipe }) }
}

/** An adapter's paceline.json may say nothing of a recipe: then the base model's holds. */
async function readRecipe(folders: readonly string[]): Promise<Recipe | undefined> {
  for (const folder of folders) {
    const recipe = parseRecipe(await readJson(folder, 'paceline.json'))
    if (recipe !== undefined) return recipe
  }
  return undefined
}

/**
 * Opens the text codec alone, of a folder that need not hold a model: tokenizer.json and, where present,
 * tokenizer_config.json and chat_template.jinja or .json. `vocabSize`: that of the model, if there is one. Throws code
 * `file` or `format`.
 */
export async function openTextCodec(folder: string, vocabSize?: number): Promise<TextCodec> {
  return readTextCodec(await modelFolders(folder), vocabSize)
}

/** `vocabSize`: that of the model, if there is one. */
async function readTextCodec(folders: ModelFolders, vocabSize = Number.POSITIVE_INFINITY): Promise<TextCodec> {
  const folder = await tokenizerFolderOf(folders)
  const tokenizer = await requireJson([folder], 'tokenizer.json', await sentencePieceAdvice(folder))
  const config = await readTokenizerConfig(folder)
  return createTextCodec({ tokenizer, config, chatTemplate: await readChatTemplate(searched(folders)) }, vocabSize)
}

/** What to do about a missing tokenizer.json where the folder holds SentencePiece's own file. */
async function sentencePieceAdvice(folder: string): Promise<string | undefined> {
  if (!(await isThere(join(folder, sentencePieceFile)))) return undefined
  return `It has a SentencePiece tokenizer, which "paceline tokenizer ${folder}" makes one of.`
}

async function readTokenizerConfig(folder: string): Promise<Record<string, unknown>> {
  const config = (await readJson(folder, 'tokenizer_config.json')) ?? {}
  if (!isObject(config)) throw new PacelineError('format', 'tokenizer_config.json: expected a JSON object.')
  return config
}

/** Of the first folder that has one. A file of its own goes before the field in tokenizer_config.json, as in transformers. */
async function readChatTemplate(folders: readonly string[]): Promise<StoredTemplate | null> {
  for (const folder of folders) {
    const jinja = await readText(folder, 'chat_template.jinja')
    if (jinja !== undefined) return { file: 'chat_template.jinja', value: jinja }
    const json = await readJson(folder, 'chat_template.json')
    if (isObject(json)) return { file: 'chat_template.json', value: json.chat_template }
    const value = (await readTokenizerConfig(folder)).chat_template ?? null
    if (value !== null) return { file: 'tokenizer_config.json', value }
  }
  return null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
