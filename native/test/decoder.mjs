// A small decoder written for the addon, as src/program.h describes it.
export const op = {
  linear: 0,
  rmsNorm: 1,
  rope: 2,
  attention: 3,
  siluMul: 4,
  add: 5,
  argmax: 6,
  topK: 7,
  softmax: 8,
  logSoftmax: 9,
}

/** splitmix32: numbers from 0 to 1. */
export function randomOf(seed) {
  return () => {
    seed = (seed + 0x9e3779b9) | 0
    let z = Math.imul(seed ^ (seed >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32
  }
}

export const floats = (random, length, scale = 1) => Float32Array.from({ length }, () => scale * (2 * random() - 1))

export function randomWeight(addon, random, type, n, k, isa) {
  const weight = new addon.Weight({ type, n, k, isa })
  if (type === 'int8') {
    const values = Int8Array.from({ length: n * k }, () => Math.round(254 * random() - 127))
    weight.add(values, new Float32Array(n).fill(1 / 500), 0, n)
  } else if (type === 'int4') {
    const groups = Math.ceil(k / 128)
    const packed = Uint8Array.from({ length: n * groups * 64 }, () => 256 * random())
    weight.add(packed, new Uint16Array(n * groups).fill(0x2a00), 0, n) // f16 0.047
  } else {
    weight.addF32(0, floats(random, n * k, 0.3))
  }
  return weight
}

/** Inputs: x, positions. Outputs: 0 features, 1 logits, 2 argmax, 3 and 4 top-k values and indices. */
export function decoder(
  addon,
  {
    type = 'int8',
    isa,
    width = 48,
    heads = 4,
    kvHeads = 2,
    headDim = 16,
    mlp = 80,
    vocab = 100,
    layers = 2,
    seed = 1,
  } = {},
) {
  const random = randomOf(seed)
  const weights = []
  const ops = []
  const outputs = []
  const caches = []
  let arenaWidth = 0
  let count = 0
  const buffer = (size) => {
    arenaWidth += size
    return [arenaWidth - size, size, 0]
  }
  const part = ([offset, stride, start], by) => [offset, stride, start + by]
  const keep = (weight) => weights.push(weight) - 1
  const linear = (n, k) => keep(randomWeight(addon, random, type, n, k, isa))
  const vector = (n) => keep(randomWeight(addon, random, 'vector', n, 1, isa))
  const emit = (opcode, ...operands) => {
    ops.push(opcode, ...operands.flat())
    count++
  }
  const output = (view, size, dtype = 0) => outputs.push(...view, size, dtype, count - 1)
  const [q, kv] = [heads * headDim, kvHeads * headDim]
  const x = buffer(width)
  const positions = buffer(1)
  const [normed, joined, turned, mixed] = [buffer(width), buffer(q + 2 * kv), buffer(q + kv), buffer(q)]
  const [projected, gateUp, activated] = [buffer(width), buffer(2 * mlp), buffer(mlp)]
  for (let layer = 0; layer < layers; layer++) {
    caches.push(kvHeads, headDim)
    emit(op.rmsNorm, x, normed, vector(width), width, 1, 0)
    emit(op.linear, normed, joined, linear(q + 2 * kv, width), vector(q + 2 * kv))
    emit(op.rope, joined, turned, heads, headDim, 0)
    emit(op.rope, part(joined, q), part(turned, q), kvHeads, headDim, 0)
    emit(
      op.attention,
      turned,
      part(turned, q),
      part(joined, q + kv),
      mixed,
      layer,
      heads,
      kvHeads,
      headDim,
      1,
      layer % 2 ? 3 : -1,
    )
    emit(op.linear, mixed, projected, linear(width, q), -1)
    emit(op.add, x, projected, x, width)
    emit(op.rmsNorm, x, normed, vector(width), width, 1, 0)
    emit(op.linear, normed, gateUp, linear(2 * mlp, width), -1)
    emit(op.siluMul, gateUp, part(gateUp, mlp), activated, mlp)
    emit(op.linear, activated, projected, linear(width, mlp), -1)
    emit(op.add, x, projected, x, width)
  }
  const [features, logits, best, values, indices] = [width, vocab, 1, 5, 5].map(buffer)
  emit(op.rmsNorm, x, features, vector(width), width, 1, 0)
  output(features, width)
  emit(op.linear, features, logits, linear(vocab, width), -1)
  output(logits, vocab)
  emit(op.argmax, logits, best, vocab)
  output(best, 1, 1)
  emit(op.topK, logits, values, indices, vocab, 5)
  output(values, 5)
  output(indices, 5, 1)
  return {
    arenaWidth,
    ops: Int32Array.from(ops),
    constants: Float32Array.of(1e-5, 1 / Math.sqrt(headDim)),
    weights,
    inputs: Int32Array.of(...x, width, 0, ...positions, 1, 1),
    outputs: Int32Array.from(outputs),
    caches: Int32Array.from(caches),
    tables: [
      {
        frequencies: Float64Array.from({ length: headDim / 2 }, (_, i) => 10000 ** ((-2 * i) / headDim)),
        scale: 1,
        positions: 1,
      },
    ],
    isa,
    // For tests only.
    width,
  }
}

/** `held`: parents of the rows that stay from runs before. */
export function runDecoder(program, cache, x, parents, wanted = [0, 1, 2, 3, 4], held = []) {
  const positions = []
  for (const parent of [...held, ...parents]) positions.push(parent < 0 ? cache.length : positions[parent] + 1)
  const own = Int32Array.from(positions.slice(held.length))
  return program.run(parents.length, [x, own], cache, Int32Array.from(parents), wanted, held.length)
}
