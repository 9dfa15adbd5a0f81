import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Tensor, writeSafetensors } from '../../tensor/index.ts'
// Not part of the public face of `tensor`: files of torch.save are written by tests alone.
import { pytorchFile } from '../../tensor/pytorch/write-archive.ts'
import { randomSource } from '../random.ts'
import type { ModelSpec } from '../spec.ts'
import { type AdapterSpec, adapterTensors } from './spec.ts'

/** An adapter_config.json with all the fields that PEFT 0.15 writes, some changed. */
export function peftConfig(changed: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: '../base',
    bias: 'none',
    corda_config: null,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: 8,
    lora_bias: false,
    lora_dropout: 0.05,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: null,
    peft_type: 'LORA',
    r: 4,
    rank_pattern: {},
    revision: null,
    target_modules: ['v_proj', 'q_proj', 'down_proj'],
    task_type: 'CAUSAL_LM',
    trainable_token_indices: null,
    use_dora: false,
    use_rslora: false,
    ...changed,
  }
}

/** Random A and B of an adapter, large enough to be seen. */
export async function syntheticAdapter(spec: ModelSpec, adapter: AdapterSpec): Promise<Record<string, Tensor<'f32'>>> {
  const source = randomSource(adapterTensors(spec, adapter), 5)
  const read = Array.from(source.infos.keys(), async (name) => [name, await source.read(name)] as const)
  return Object.fromEntries(await Promise.all(read)) as Record<string, Tensor<'f32'>>
}

/** Writes the files of an adapter as they are given, right or wrong. */
export async function writePeft(
  folder: string,
  config: object,
  tensors: Readonly<Record<string, Tensor>>,
  file = 'adapter_model.safetensors',
): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config))
  const path = join(folder, file)
  if (file.endsWith('.safetensors')) await writeSafetensors(path, tensors, { format: 'pt' })
  else await writeFile(path, pytorchFile(tensors))
}
