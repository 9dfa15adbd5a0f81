import type { Tensor } from '../tensor/index.ts'

/** Which rows of a micro-batch see one another: `sequences` blocks of `length` rows. */
export interface BatchLayout {
  readonly sequences: number
  readonly length: number
  /** [sequences * length]: the row before row i on its path, within its block; -1 where a document starts. */
  readonly parents: Int32Array
  /** Rows of a block from this one on are riders; none are unless given. */
  readonly ridersFrom?: number
}

/** Sums over the rows of a micro-batch, not means: `loss / weight` is the mean. */
export interface StepResult {
  readonly loss: number
  readonly weight: number
  /** Further sums by name. */
  readonly metrics: Readonly<Record<string, number>>
}

/** A loss graph made trainable. Everything by name; parameters are f32 tensors, named by their joined sources. */
export interface TrainingStep {
  /** Current values; an update changes them in place. */
  readonly parameters: ReadonlyMap<string, Tensor>
  /**
   * Forward and backward of one micro-batch; its gradients are added to the accumulated ones. Throws code `runtime`
   * when the loss is not finite: nothing is added then.
   */
  accumulate(inputs: Readonly<Record<string, Tensor>>, layout: BatchLayout): Promise<StepResult>
  /**
   * AdamW with accumulated gradients / accumulated weight, clipped by global norm; then they are zero. Throws code
   * `runtime` when a gradient is not finite, and `argument` when nothing was accumulated: parameters stay as they are.
   */
  update(options: { readonly learningRate: number }): Promise<{ readonly gradientNorm: number }>
  /** Loss without gradients. */
  evaluate(inputs: Readonly<Record<string, Tensor>>, layout: BatchLayout): Promise<StepResult>
  /** Copies of everything a bit-identical resume needs: parameters, first and second moments, number of updates. */
  state(): Map<string, Tensor>
  /** Takes what `state` gave. Throws code `checkpoint` for a tensor that is missing or of another shape. */
  restore(state: ReadonlyMap<string, Tensor>): void
  dispose(): Promise<void>
}
