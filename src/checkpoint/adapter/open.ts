import { PacelineError } from '../../errors.ts'
import { openWeights, type TensorSource } from '../../tensor/index.ts'
import type { ModelSpec } from '../spec.ts'
import { requireTensors } from '../validate.ts'
import { adapterConfigFile, parseAdapterConfig } from './config.ts'
import { merged } from './merged.ts'
import { type AdapterSpec, adapterTensors } from './spec.ts'
import { adapterWeightsFile } from './write.ts'

/** What makes another model of a base model. */
export interface Adapter {
  /** The folder of the base model. */
  readonly base: string
  readonly spec: AdapterSpec
  /** As they are in their files: the base model's weights, and A and B. */
  readonly stored: { readonly base: TensorSource; readonly adapter: TensorSource }
}

/** An adapter that was opened, and the weights of the model that it makes of its base. */
export interface OpenedAdapter {
  readonly adapter: Adapter
  readonly source: TensorSource
}

/**
 * Opens the weights of an adapter in PEFT's format beside those of its base model, `source`, of the specification `spec`.
 * Throws as `parseAdapterConfig` and `openWeights` do, and code `checkpoint` where tensors are missing, of another
 * shape, or unknown.
 */
export async function openAdapter(
  folder: string,
  { base, config }: { readonly base: string; readonly config: unknown },
  { spec, source }: { readonly spec: ModelSpec; readonly source: TensorSource },
): Promise<OpenedAdapter> {
  const adapter = parseAdapterConfig(config, spec)
  const stored = await openWeights(folder, [adapterWeightsFile, 'adapter_model.bin'])
  try {
    const expected = adapterTensors(spec, adapter)
    const says = `${adapterConfigFile} with the base model`
    requireTensors(expected, stored, says, ({ name }) => `there is no tensor "${name}", which ${says} implies.`)
    const names = new Set(expected.map(({ name }) => name))
    for (const { name, file } of stored.infos.values())
      if (!names.has(name))
        throw new PacelineError(
          'checkpoint',
          `${file}: unexpected tensor "${name}": ${adapterConfigFile} names ${adapter.modules.length} layers of the base ` +
            'model, and it is A or B of none of them.',
        )
    return {
      adapter: { base, spec: adapter, stored: { base: source, adapter: stored } },
      source: merged(source, adapter, stored),
    }
  } catch (error) {
    await stored.close()
    throw error
  }
}
