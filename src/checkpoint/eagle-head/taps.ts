import { PacelineError } from '../../errors.ts'
import type { Fields } from '../fields.ts'

const idsField = 'eagle_aux_hidden_state_layer_ids'

/**
 * The layers of the target, from 0, whose outputs an EAGLE-3 head fuses.
 * In EAGLE's code and those that follow it, a head that names none gets the states that enter layers 2, L / 2 and L - 3:
 * the outputs of the layers before. Where layers are named, they are those whose outputs are taken, unless
 * `eagle_config.aux_layer_convention` is "input" or speculators wrote the file, which names what enters layers, as vLLM does.
 * Throws code `format` or `checkpoint` for what does not name layers in rising order.
 */
export function parseTaps(config: Fields, targetLayerCount: number): readonly number[] {
  const nested = config.object('eagle_config')
  const fields = nested !== null && nested.raw(idsField) != null ? nested : config
  const ids = fields.raw(idsField) ?? null
  if (ids === null) return usualTaps(config, targetLayerCount)

  const expected = `layers of the target in rising order, each 0 .. ${targetLayerCount - 1}`
  if (!Array.isArray(ids) || ids.length === 0) throw fields.wrong(idsField, `a list of ${expected}`, 'format')
  const usual = config.raw('speculators_model_type') == null ? 'output' : 'input'
  const convention = nested?.string('aux_layer_convention', usual) ?? usual
  if (convention !== 'output' && convention !== 'input')
    throw nested!.wrong('aux_layer_convention', '"output" or "input"', 'unsupported')
  const taps = convention === 'output' ? ids : ids.map((id) => (typeof id === 'number' ? id - 1 : id))
  if (!isRising(taps, targetLayerCount))
    throw fields.wrong(
      idsField,
      convention === 'output' ? expected : `${expected} once 1 is subtracted, since they name what enters layers`,
    )
  return taps
}

function usualTaps({ file }: Fields, layerCount: number): readonly number[] {
  const taps = [1, Math.floor(layerCount / 2) - 1, layerCount - 4]
  if (!isRising(taps, layerCount))
    throw new PacelineError(
      'checkpoint',
      `${file}: eagle_config.${idsField} is missing, and for a target of ${layerCount} layers the usual choice (what ` +
        'enters layers 2, L / 2 and L - 3) is not three layers in rising order. Name the layers whose outputs are fused.',
    )
  return taps
}

function isRising(ids: readonly unknown[], layerCount: number): ids is readonly number[] {
  return ids.every(
    (id, i) =>
      Number.isInteger(id) && (id as number) > (i === 0 ? -1 : (ids[i - 1] as number)) && (id as number) < layerCount,
  )
}
