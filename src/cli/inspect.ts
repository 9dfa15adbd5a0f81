import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { measureDevice } from '../bench/index.ts'
import {
  type Adapter,
  adapterScale,
  type Checkpoint,
  defaultRecipe,
  describeCheckpoint,
  dtypes,
  type ModelSpec,
  openCheckpoint,
} from '../checkpoint/index.ts'
import { PacelineError } from '../errors.ts'
import { chooseExecutor } from '../runtime/index.ts'
import { elementCount, type TensorSource } from '../tensor/index.ts'
import { modelFolder } from './options.ts'
import { bytes, count, list, short, table } from './terminal.ts'

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .summary('what is in a model folder, and what a token will cost here')
    .description('Checks a model folder and tells what is in it, how large it is, and what a token will cost here.')
    .argument('<model-folder>', modelFolder)
    .option('--json', 'print one JSON object instead')
    .action(async (folder: string, { json = false }: { json?: boolean }) => {
      const inspection = await inspect(folder)
      process.stdout.write(json ? `${JSON.stringify(inspection, null, 2)}\n` : render(inspection))
    })
}

type Inspection = Awaited<ReturnType<typeof inspect>>

/** Times in milliseconds, bandwidth in 1e9 bytes per second. */
async function inspect(folder: string) {
  const checkpoint = await openCheckpoint(folder)
  try {
    const { spec, adapter } = checkpoint
    const source = adapter?.stored.base ?? checkpoint.source
    const { cacheBytesPerToken, ...summary } = describeCheckpoint(spec, source)
    const device = await measureDevice()
    const pass = dtypes.map((dtype) => {
      const readBytes = summary.streamedBytes[dtype]
      const ms = readBytes / device.streamGbPerS / 1e6
      return [dtype, { readBytes, ms, tokensPerSecond: 1000 / ms }] as const
    })
    return {
      folder,
      spec,
      chatTemplate: chatTemplate(checkpoint),
      ...(adapter && { adapter: await describeAdapter(folder, adapter) }),
      files: await filesOf(adapter?.base ?? folder, source),
      storedDtypes: dtypesOf(source),
      recipe: spec.recipe ?? defaultRecipe,
      ...summary,
      cacheBytes: { perToken: cacheBytesPerToken, fullContext: cacheBytesPerToken * spec.contextLength },
      executor: chooseExecutor().about,
      device,
      pass: Object.fromEntries(pass),
    }
  } finally {
    await checkpoint.close()
  }
}

/** What an adapter adds to its base model, whose weights are described beside it. */
async function describeAdapter(folder: string, { base, spec, stored }: Adapter) {
  const sizes = Array.from(stored.adapter.infos.values(), ({ shape }) => elementCount(shape))
  return {
    base,
    ...spec,
    scale: adapterScale(spec),
    parameters: sizes.reduce((sum, size) => sum + size, 0),
    storedDtypes: dtypesOf(stored.adapter),
    files: await filesOf(folder, stored.adapter),
  }
}

function dtypesOf({ infos }: TensorSource): string[] {
  return [...new Set(Array.from(infos.values(), ({ dtype }) => dtype ?? 'other'))]
}

async function filesOf(folder: string, source: TensorSource) {
  const names = new Set(Array.from(source.infos.values(), ({ file }) => file))
  return Promise.all([...names].map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })))
}

function chatTemplate({ text }: Checkpoint): 'none' | 'invalid' | 'present' {
  try {
    text.applyChatTemplate([{ role: 'user', content: 'Hello' }])
  } catch (error) {
    if (!PacelineError.isInstance(error)) throw error
    if (error.code === 'unsupported') return 'none'
    if (error.code === 'format') return 'invalid'
    // Refusing this conversation, it is still a template.
  }
  return 'present'
}

function render(inspection: Inspection): string {
  const { folder, spec, parameters, storedBytes, loadedBytes, cacheBytes, device, pass } = inspection
  const { total, ...parts } = parameters
  const overview = list([
    ...adapterLines(inspection),
    ['architecture', `${spec.architecture}, ${spec.layerCount} layers`],
    ['sizes', `hidden ${count(spec.hiddenSize)}, intermediate ${count(spec.intermediateSize)}`],
    ['heads', `${spec.headCount} query, ${spec.kvHeadCount} key and value, of ${spec.headDim} each`],
    ['rope', rope(spec)],
    ['vocabulary', `${count(spec.vocabSize)} tokens${spec.tiedEmbeddings ? ', the head is the embedding table' : ''}`],
    ['context', `${count(spec.contextLength)} tokens${windows(spec)}`],
    ['chat template', inspection.chatTemplate],
    ['parameters', `${count(total)}:${Object.entries(parts).map(([part, size]) => ` ${part} ${count(size)}`)}`],
    ['stored', `${inspection.storedDtypes.join(', ')}, ${bytes(storedBytes)} in ${files(inspection)}`],
    ['cache', `${bytes(cacheBytes.perToken)} per token, ${bytes(cacheBytes.fullContext)} at full context`],
    ['int4 recipe', recipe(inspection)],
    ['executor', inspection.executor],
  ])
  const costs = table([
    ['dtype', 'in memory', 'read per pass', 'at least', 'plain decoding at most'],
    ...dtypes.map((dtype) => {
      const { readBytes, ms, tokensPerSecond } = pass[dtype]
      const ceiling = `${short(tokensPerSecond)} tokens/s`
      return [dtype, bytes(loadedBytes[dtype]), bytes(readBytes), `${short(ms)} ms`, ceiling]
    }),
  ])
  return `${folder}
${overview}
A one-row pass on this machine (${device.processor}, ${device.threads} threads, ${short(device.streamGbPerS)} GB/s), when weights come from memory:
${costs}`
}

function adapterLines({ adapter }: Inspection): [string, string][] {
  if (adapter === undefined) return []
  const { base, rank, alpha, scale, modules, parameters, storedDtypes, files } = adapter
  const stored = files.reduce((sum, file) => sum + file.bytes, 0)
  return [
    [
      'adapter',
      `rank ${count(rank)}, alpha ${alpha} (scale ${Number(scale.toPrecision(3))}), of ${count(modules.length)} layers`,
    ],
    ['', `${count(parameters)} numbers, ${storedDtypes.join(', ')}, ${bytes(stored)}`],
    ['base model', base],
  ]
}

function rope({ rope: { theta, scaling } }: ModelSpec): string {
  const factor = 'factor' in scaling ? `, ${scaling.type} scaling by ${scaling.factor}` : ''
  return `theta ${count(theta)}${factor}`
}

function windows({ windows, layerCount }: ModelSpec): string {
  const sliding = windows.filter((size) => size !== null)
  return sliding.length === 0 ? '' : `, ${sliding.length} of ${layerCount} layers see the last ${count(sliding[0])}`
}

function recipe({ recipe: { keep8 }, spec }: Inspection): string {
  const source = spec.recipe ? 'paceline.json' : 'default'
  return `${keep8.length === 0 ? 'all at 4 bits' : `8 bits for ${keep8.join(', ')}`} (${source})`
}

function files({ files }: Inspection): string {
  return files.length === 1 ? files[0].name : `${files.length} files`
}
