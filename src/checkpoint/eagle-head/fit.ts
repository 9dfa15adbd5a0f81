import { PacelineError } from '../../errors.ts'
import type { TensorSource } from '../../tensor/index.ts'
import type { ModelSpec } from '../spec.ts'
import { requireTensors } from '../validate.ts'
import type { EagleHeadSpec } from './spec.ts'
import { eagleHeadTensors, embeddingName, embeddingTensor, vocabularyNames } from './tensors.ts'

/** Checks that the tensors are exactly those of the specification. Throws as `validateTensors` of a model does. */
export function validateHeadTensors(spec: EagleHeadSpec, source: TensorSource, configFile: string): void {
  const expected = [...eagleHeadTensors(spec), ...(source.infos.has(embeddingName) ? [embeddingTensor(spec)] : [])]
  requireTensors(expected, source, configFile, ({ name, dimensions }) => {
    const sizes = dimensions.map(({ size }) => size).join(', ')
    const fields = biasField(name) ?? dimensions.map(({ field }) => field).join(', ')
    return `there is no tensor "${name}", expected [${sizes}] (${configFile}: ${fields}).`
  })
  const known = new Set([...expected.map(({ name }) => name), ...vocabularyNames])
  for (const { name, shape, file } of source.infos.values())
    if (!known.has(name))
      throw new PacelineError(
        'checkpoint',
        `${file}: unexpected tensor "${name}" [${shape.join(', ')}]: ${kindNames[spec.kind]} head as ${configFile} ` +
          `describes it has no such tensor${biasField(name) === undefined ? '' : ` (${biasField(name)})`}.`,
      )
}

/** The field that says whether there is this bias; `undefined` for other tensors. */
function biasField(name: string): string | undefined {
  if (!name.endsWith('.bias')) return undefined
  if (name === 'fc.bias') return 'bias'
  if (name.includes('.mlp.')) return 'mlp_bias'
  return name.includes('.o_proj.') ? 'attention_bias' : 'qkv_bias or attention_bias'
}

const kindNames = { eagle: 'an EAGLE-1 or EAGLE-2', eagle3: 'an EAGLE-3' }

/**
 * Checks that a head drafts for a target of this specification. `ownEmbedding`: it has an embedding table.
 * Throws code `checkpoint`, naming the field that differs.
 */
export function requireFit(spec: EagleHeadSpec, ownEmbedding: boolean, target: ModelSpec, configFile: string): void {
  const differs = (field: string, value: number, targetField: string, targetValue: number, hint = '') => {
    if (value !== targetValue)
      throw new PacelineError(
        'checkpoint',
        `${configFile}: ${field} is ${value}, the target's ${targetField} is ${targetValue}: ` +
          `this head was trained for another target.${hint}`,
      )
  }
  differs('vocab_size', spec.vocabSize, 'vocab_size', target.vocabSize)
  const field = spec.kind === 'eagle' ? 'hidden_size' : 'target_hidden_size'
  differs(field, spec.targetHiddenSize, 'hidden_size', target.hiddenSize)
  if (!ownEmbedding)
    differs('hidden_size', spec.hiddenSize, 'hidden_size', target.hiddenSize, ` Or it lacks "${embeddingName}".`)
  const last = spec.taps[spec.taps.length - 1] ?? 0
  if (last >= target.layerCount)
    throw new PacelineError(
      'checkpoint',
      `${configFile}: layer ${last} is fused, but the target has layers 0 .. ${target.layerCount - 1} (num_hidden_layers).`,
    )
}
