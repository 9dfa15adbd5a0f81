import type { MedusaSpec } from '../../checkpoint/index.ts'
import { type Tensor, tensor } from '../../tensor/index.ts'
import type { TokenBatch } from '../data/index.ts'
import { rowsAhead, type TargetStates } from '../heads/index.ts'
import type { StepInputs } from '../trainer/index.ts'

export interface MedusaInputOptions {
  readonly spec: Pick<MedusaSpec, 'headCount' | 'hiddenSize'>
  /** As of the objective. */
  readonly soft: number
  /** Of each token of the target the id that the heads know it by, -1 where they know it not; [vocab]. */
  readonly draftIds: Int32Array
}

/** The inputs of `medusaObjective` of one batch. */
export function medusaInputs(
  batch: TokenBatch,
  { features, answers }: Pick<TargetStates, 'features' | 'answers'>,
  { spec, soft, draftIds }: MedusaInputOptions,
): StepInputs {
  const { sequences, length, parents, targets } = batch
  const rows = sequences * length
  const inputs: Record<string, Tensor> = { features: tensor('f32', [rows, spec.hiddenSize], features) }
  for (let head = 1; head <= spec.headCount; head++) {
    const ahead = rowsAhead(parents, head)
    const labels = Int32Array.from(ahead, (row) => draftIds[targets[row]])
    // A guess counts as the token that it is about counts; nothing is learned of tokens that the heads do not know.
    const weights = Float32Array.from(ahead, (row, i) => (row === i || labels[i] < 0 ? 0 : batch.weights[row]))
    if (soft < 1)
      inputs[`labels ${head}`] = tensor(
        'i32',
        [rows],
        labels.map((id) => Math.max(0, id)),
      )
    if (soft > 0) inputs[`ahead ${head}`] = tensor('i32', [rows], ahead)
    inputs[`answers ${head}`] = tensor(
      'i32',
      [rows],
      Int32Array.from(ahead, (row) => draftIds[answers[row]]),
    )
    inputs[`weights ${head}`] = tensor('f32', [rows], weights)
  }
  return { inputs, layout: { sequences, length, parents }, tokens: rows }
}
