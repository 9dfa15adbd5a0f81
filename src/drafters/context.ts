import type { EagleKind } from '../checkpoint/index.ts'
import type { GuessCosts, HeadCosts, PassCosts } from '../decoding/index.ts'
import type { EagleHeadModel, LearnedRiders, MedusaModel, TargetModel } from '../model/index.ts'
import { commonTop } from './trees/children.ts'

/** What a target is loaded with where it is not known yet which drafters will be asked for. */
export const forAnyDrafter = { taps: 'all', top: commonTop } as const

/** What a drafter may ask of the world when it is made. All of it lives as long as the target. */
export interface DrafterContext {
  readonly target: TargetModel
  /** What passes of the target cost; measured when first asked for. */
  costs(): Promise<PassCosts>
  /**
   * A model to draft with: the folder of the drafter's name, or where it names none, the folder `beside` in that of the
   * target. Throws code `checkpoint`, with the first token that differs, unless its vocabulary is the target's.
   */
  openModel(path: string | undefined, beside: string, options: { readonly top: number }): Promise<DraftingModel>
  /**
   * A head of this kind: of the folder that the drafter's name gives, or `beside` in that of the target; it tells of the `top`
   * likeliest tokens. Throws code `file` where there is none, `checkpoint` where it does not fit the target.
   */
  openEagleHead(
    path: string | undefined,
    beside: string,
    options: { readonly kind: EagleKind; readonly top: number },
  ): Promise<EagleDrafting>
  /** Medusa heads, by the same rules. */
  openMedusaHeads(path: string | undefined, beside: string, options: { readonly top: number }): Promise<MedusaDrafting>
  /** Masks of BiTA, by the same rules. */
  openBita(path: string | undefined, beside: string): Promise<BitaDrafting>
  /** A JSON file of the drafter's folder, of `openModel`'s rules. Throws code `file` or `format`. */
  readJson(path: string | undefined, beside: string, file: string): Promise<unknown>
}

export interface EagleDrafting {
  readonly model: EagleHeadModel
  /** What its passes cost; measured when first asked for. */
  costs(): Promise<HeadCosts>
}

export interface MedusaDrafting {
  readonly model: MedusaModel
  /** Time of a pass of all heads, in passes of the target of one row; measured when first asked for. */
  cost(): Promise<number>
}

export interface BitaDrafting {
  readonly riders: LearnedRiders
  readonly maskCount: number
  /** What all masks cost beside being rows, in passes of the target of one row; measured when first asked for. */
  cost(): Promise<number>
}

export interface DraftingModel {
  readonly model: TargetModel
  /** What guesses cost; measured when first asked for. */
  guessCosts(): Promise<GuessCosts>
}
