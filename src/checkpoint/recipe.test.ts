import { expect, test } from 'vitest'
import { defaultRecipe, parseRecipe, precisionOf } from './recipe.ts'

const layer = 'model.layers.0'

test('every dtype but int4 treats all weights alike', () => {
  const recipe = { keep8: ['*'] }
  for (const name of ['lm_head.weight', `${layer}.mlp.down_proj.weight`]) {
    expect(precisionOf(name, 'f32', recipe)).toBe('f32')
    expect(precisionOf(name, 'int8', recipe)).toBe('int8')
    expect(precisionOf(name, 'int4-pure', recipe)).toBe('int4')
  }
})

test('int4 keeps what the recipe names at 8 bits', () => {
  const recipe = { keep8: ['lm_head.weight', 'model.layers.1.*', '*.down_proj.weight'] }
  const precision = (name: string) => precisionOf(name, 'int4', recipe)
  expect(precision('lm_head.weight')).toBe('int8')
  expect(precision('model.layers.1.mlp.up_proj.weight')).toBe('int8')
  expect(precision('model.layers.7.mlp.down_proj.weight')).toBe('int8')
  expect(precision('model.layers.7.mlp.up_proj.weight')).toBe('int4')
  expect(precision('model.layers.11.mlp.up_proj.weight')).toBe('int4')
})

test('a pattern is the whole name, and only * is special in it', () => {
  for (const pattern of ['head', 'lm_head', 'lm_head.weigh.', 'lm_head.weight|x', 'LM_HEAD.weight', 'lm_head*bias'])
    expect(precisionOf('lm_head.weight', 'int4', { keep8: [pattern] })).toBe('int4')
  for (const pattern of ['*', 'lm_*', '*weight', 'lm*.*t', '*lm_head.weight*'])
    expect(precisionOf('lm_head.weight', 'int4', { keep8: [pattern] })).toBe('int8')
})

test('tensors of one product are kept together, others stay apart', () => {
  const kept = (pattern: string) =>
    ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj']
      .map((name) => `${layer}.${name}.weight`)
      .filter((name) => precisionOf(name, 'int4', { keep8: [pattern] }) === 'int8').length
  expect(kept('*.v_proj.weight')).toBe(3)
  expect(kept('*.up_proj.weight')).toBe(2)
  expect(kept('*.o_proj.weight')).toBe(1)
  expect(kept('model.layers.1.self_attn.v_proj.weight')).toBe(0)
})

test('without a recipe int4 keeps attention, and an empty one keeps nothing', () => {
  expect(precisionOf(`${layer}.self_attn.o_proj.weight`, 'int4')).toBe('int8')
  expect(precisionOf(`${layer}.mlp.down_proj.weight`, 'int4')).toBe('int4')
  expect(precisionOf(`${layer}.self_attn.o_proj.weight`, 'int4', { keep8: [] })).toBe('int4')
  expect(defaultRecipe.keep8.length).toBeGreaterThan(0)
})

test('a recipe is read from paceline.json, whatever else stands there', () => {
  expect(parseRecipe({ method: 'eagle', quantisation: { int4: { keep8: ['lm_head.weight'] } } })).toEqual({
    keep8: ['lm_head.weight'],
  })
  for (const none of [undefined, {}, { method: 'eagle' }, { quantisation: {} }, { quantisation: { int4: {} } }])
    expect(parseRecipe(none)).toBeUndefined()
})

test.each([
  [[], 'paceline.json: expected a JSON object, got []'],
  [{ quantisation: 8 }, 'paceline.json: quantisation: expected a JSON object, got 8'],
  [{ quantisation: { int4: null } }, 'paceline.json: quantisation.int4: expected a JSON object, got null'],
  [
    { quantisation: { int4: { keep8: 'lm_head.weight' } } },
    'keep8 is "lm_head.weight", expected a list of tensor names',
  ],
  [{ quantisation: { int4: { keep8: ['a', 8] } } }, 'keep8 is ["a",8], expected a list'],
  [{ quantisation: { int4: { keep8: [''] } } }, 'keep8 is [""], expected a list'],
])('a malformed recipe is refused, naming the field: %j', (json, message) => {
  expect(() => parseRecipe(json)).toThrow(
    expect.objectContaining({ code: 'format', message: expect.stringContaining(message) }),
  )
})
