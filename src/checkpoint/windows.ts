import type { Fields } from './fields.ts'

/** Per layer: how many newest keys a row sees, itself included; `null` sees all. */
export type Windows = (number | null)[]

export function noWindows(_config: Fields, layerCount: number): Windows {
  return new Array(layerCount).fill(null)
}

/** Mistral: every layer slides, unless `sliding_window` is null. Absent it is 4096, as in Mistral 7B v0.1. */
export function mistralWindows(config: Fields, layerCount: number): Windows {
  const window = config.raw('sliding_window') === null ? null : slidingWindow(config)
  return perLayer(config, layerCount, window, () => true)
}

/** Qwen: nothing slides unless `use_sliding_window`, and then only the layers from `max_window_layers` on. */
export function qwenWindows(config: Fields, layerCount: number): Windows {
  const slides = config.boolean('use_sliding_window', false) && config.raw('sliding_window') !== null
  const firstSliding = config.integer('max_window_layers', 0, 1024, 28)
  return perLayer(config, layerCount, slides ? slidingWindow(config) : null, (layer) => layer >= firstSliding)
}

function slidingWindow(config: Fields): number {
  return config.integer('sliding_window', 1, 2 ** 27, 4096)
}

/** `layer_types`, where given, says which layers slide; otherwise `slidesByDefault` does. */
function perLayer(
  config: Fields,
  layerCount: number,
  window: number | null,
  slidesByDefault: (layer: number) => boolean,
): Windows {
  const types = config.raw('layer_types') ?? null
  if (types === null) return Array.from({ length: layerCount }, (_, layer) => (slidesByDefault(layer) ? window : null))
  if (!Array.isArray(types)) throw config.wrong('layer_types', 'a list with one entry per layer', 'format')
  if (types.length !== layerCount)
    throw config.wrong('layer_types', `${layerCount} entries (num_hidden_layers), not ${types.length}`)
  return types.map((type) => {
    if (type === 'full_attention') return null
    if (type !== 'sliding_attention')
      throw config.wrong('layer_types', 'full_attention or sliding_attention for every layer', 'unsupported')
    if (window === null)
      throw config.wrong('layer_types', 'only full_attention, because the other fields set no sliding window')
    return window
  })
}
