import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Checkpoint,
  type Dtype,
  type EagleKind,
  openBita,
  openCheckpoint,
  openEagleHead,
  openMedusaHeads,
  readJson,
  type TextCodec,
} from '../checkpoint/index.ts'
import {
  measureCosts,
  measureGuessCosts,
  measureHeadCosts,
  measureMedusaCost,
  measureRidersCost,
} from '../decoding/index.ts'
import type { BitaDrafting, DrafterContext, DraftingModel, EagleDrafting, MedusaDrafting } from '../drafters/index.ts'
import { PacelineError } from '../errors.ts'
import { loadEagleHead, loadMedusaHeads, loadTargetModel, readBitaRiders, type TargetModel } from '../model/index.ts'
import type { Executor } from '../runtime/index.ts'
import { once } from './once.ts'

/** A loaded target with all that drafters for it are made of. */
export interface DraftingOptions {
  readonly checkpoint: Pick<Checkpoint, 'folder' | 'spec' | 'text' | 'source' | 'adapter'>
  readonly model: TargetModel
  readonly executor: Executor
  /**
   * How weights of draft models are stored and multiplied: int8 unless given, whatever the target's are. A guess need not
   * be exact, and a small model gains nothing more from int4.
   */
  readonly draftDtype?: Dtype
}

/** What drafters of one target share: models are opened, and costs measured, once. */
export interface DraftingResources extends DrafterContext {
  dispose(): Promise<void>
}

export function createDraftingResources({
  checkpoint,
  model,
  executor,
  draftDtype = 'int8',
}: DraftingOptions): DraftingResources {
  const models = opened<DraftingModel>()
  const heads = opened<EagleDrafting>()
  const medusaHeads = opened<MedusaDrafting>()
  const masks = opened<BitaDrafting>()
  const costs = once(() => measureCosts(model))

  async function open(folder: string, top: number) {
    const draft = await openCheckpoint(folder)
    try {
      requireSameVocabulary(checkpoint.text, draft.text, checkpoint.folder, folder)
      const loaded = await loadTargetModel(draft.spec, draft.source, { executor, dtype: draftDtype, top })
      const close = async () => {
        await loaded.dispose()
        await draft.close()
      }
      return { model: loaded, guessCosts: once(() => measureGuessCosts(loaded, 'top', model)), close }
    } catch (error) {
      await draft.close()
      throw error
    }
  }

  async function openHead(folder: string, kind: EagleKind, top: number) {
    const head = await openEagleHead(folder, checkpoint.spec)
    try {
      const { spec, source, targetIds } = head
      if (spec.kind !== kind)
        throw new PacelineError('checkpoint', `${folder}: the head is of kind ${spec.kind}, the drafter wants ${kind}.`)
      const loaded = await loadEagleHead(
        { spec, head: source, target: model, targetSource: checkpoint.source, ...(targetIds && { targetIds }) },
        { executor, dtype: draftDtype, top },
      )
      const close = async () => {
        await loaded.dispose()
        await head.close()
      }
      return { model: loaded, costs: once(() => measureHeadCosts(loaded, model)), close }
    } catch (error) {
      await head.close()
      throw error
    }
  }

  async function openHeads(folder: string, top: number) {
    const heads = await openMedusaHeads(folder, checkpoint.spec)
    try {
      const { spec, source, targetIds } = heads
      const loaded = await loadMedusaHeads(
        { spec, heads: source, target: model, targetSource: checkpoint.source, ...(targetIds && { targetIds }) },
        { executor, dtype: draftDtype, top },
      )
      const close = async () => {
        await loaded.dispose()
        await heads.close()
      }
      return { model: loaded, cost: once(() => measureMedusaCost(loaded, model)), close }
    } catch (error) {
      await heads.close()
      throw error
    }
  }

  async function openMasks(folder: string) {
    const { spec, source, close } = await openBita(folder, checkpoint.spec)
    try {
      const riders = await readBitaRiders(spec, source)
      const { maskCount } = spec
      const cost = once(async () => measureRidersCost(model, riders, maskCount, await costs()))
      return { riders, maskCount, cost, close: async () => {} }
    } finally {
      await close()
    }
  }

  return {
    target: model,
    costs,

    async openModel(path, beside, { top }) {
      const folder = await locate(checkpoint, path, beside)
      return models.get(`${top} ${folder}`, () => open(folder, top))
    },

    async openEagleHead(path, beside, { kind, top }) {
      const folder = await locate(checkpoint, path, beside)
      return heads.get(`${kind} ${top} ${folder}`, () => openHead(folder, kind, top))
    },

    async openMedusaHeads(path, beside, { top }) {
      const folder = await locate(checkpoint, path, beside)
      return medusaHeads.get(`${top} ${folder}`, () => openHeads(folder, top))
    },

    async openBita(path, beside) {
      const folder = await locate(checkpoint, path, beside)
      return masks.get(folder, () => openMasks(folder))
    },

    async readJson(path, beside, file) {
      const name = join(await locate(checkpoint, path, beside), file)
      const json = await readJson('', name)
      if (json === undefined) throw new PacelineError('file', `${name}: there is no such file`)
      return json
    },

    async dispose() {
      await models.close()
      await heads.close()
      await medusaHeads.close()
      await masks.close()
    },
  }
}

/** What is opened once however often it is asked for; what could not be is tried again. */
function opened<T>() {
  const all = new Map<string, Promise<T & { close(): Promise<void> }>>()
  return {
    get(key: string, open: () => Promise<T & { close(): Promise<void> }>): Promise<T> {
      const there = all.get(key) ?? open()
      all.set(key, there)
      there.catch(() => all.delete(key))
      return there
    },
    async close() {
      for (const one of all.values()) await (await one).close()
      all.clear()
    },
  }
}

/** Beside an adapter, and then beside its base model: what drafts well for the one does so for the other. */
async function locate(
  { folder, adapter }: Pick<Checkpoint, 'folder' | 'adapter'>,
  path: string | undefined,
  beside: string,
): Promise<string> {
  if (path !== undefined) return path
  for (const target of adapter ? [folder, adapter.base] : [folder]) {
    const found = await stat(join(target, beside)).catch(() => undefined)
    if (found?.isDirectory()) return join(target, beside)
  }
  throw new PacelineError(
    'file',
    `${join(folder, beside)}: there is no such folder. A drafter without a path is looked for beside its target; name another as NAME=FOLDER.`,
  )
}

/** Guesses are token ids: an id must be the same token in both models. Throws code `checkpoint` where it is not. */
export function requireSameVocabulary(
  target: TextCodec,
  draft: TextCodec,
  targetName: string,
  draftName: string,
): void {
  for (let id = 0; id < Math.max(target.vocabSize, draft.vocabSize); id++) {
    const [ours, theirs] = [target.tokenOf(id), draft.tokenOf(id)]
    if (ours === theirs) continue
    const show = (token: string | undefined) => (token === undefined ? 'no token' : JSON.stringify(token))
    throw new PacelineError(
      'checkpoint',
      `${draftName} cannot draft for ${targetName}: token ${id} is ${show(theirs)} there and ${show(ours)} in the target. ` +
        'Choose a draft model with the same tokenizer.',
    )
  }
}
