import { PacelineError } from '../../errors.ts'
import type { TensorSource } from '../../tensor/index.ts'
import type { ModelSpec } from '../spec.ts'
import { requireTensors } from '../validate.ts'
import type { MedusaSpec } from './spec.ts'
import { medusaTensors, tokenMapName } from './tensors.ts'

/** Checks that the tensors are exactly those of the specification. Throws as `validateTensors` of a model does. */
export function validateMedusaTensors(spec: MedusaSpec, source: TensorSource, configFile: string): void {
  const expected = medusaTensors(spec)
  requireTensors(expected, source, configFile, ({ name, dimensions }) => {
    const sizes = dimensions.map(({ size }) => size).join(', ')
    return `there is no tensor "${name}", expected [${sizes}] (${configFile}: ${fieldsOf(name)}).`
  })
  const known = new Set([...expected.map(({ name }) => name), tokenMapName])
  for (const { name, shape, file } of source.infos.values())
    if (!known.has(name))
      throw new PacelineError(
        'checkpoint',
        `${file}: unexpected tensor "${name}" [${shape.join(', ')}]: Medusa heads as ${configFile} describes them have no ` +
          `such tensor (${fieldsOf(name)}).`,
      )
}

/** The fields that say whether there is this tensor. */
function fieldsOf(name: string): string {
  if (name.endsWith('.bias')) return 'medusa_fc_bias'
  return name.startsWith('lm_head') ? 'num_heads, original_lm_head' : 'num_heads, num_hidden_layers'
}

/** Checks that heads draft for a target of this specification. Throws code `checkpoint`, naming the field that differs. */
export function requireMedusaFit(spec: MedusaSpec, target: ModelSpec, configFile: string): void {
  for (const [field, value, expected] of [
    ['vocab_size', spec.vocabSize, target.vocabSize],
    ['hidden_size', spec.hiddenSize, target.hiddenSize],
  ] as const)
    if (value !== expected)
      throw new PacelineError(
        'checkpoint',
        `${configFile}: ${field} is ${value}, the target's ${field} is ${expected}: these heads were trained for another target.`,
      )
}
