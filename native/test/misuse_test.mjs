// What the addon says to calls that make no sense: node native/test/misuse_test.mjs [path of paceline.node]
import assert from 'node:assert/strict'
import { decoder, floats, randomOf, runDecoder } from './decoder.mjs'
import { addon, fails, promise, promised } from './promises.mjs'

const { Pool, Weight, Program, Cache } = addon

promise('what is disposed of cannot be used, though programs keep weights and pool', () => {
  const description = decoder(addon)
  const pool = new Pool(2)
  const program = new Program(pool, description)
  pool.dispose()
  for (const weight of description.weights) weight.dispose()
  const cache = new Cache(program, 10)
  runDecoder(program, cache, floats(randomOf(1), description.width), [-1])
  fails('argument', /this Pool was disposed of/, () => new Program(pool, description))
  fails('argument', /this Pool was disposed of/, () => pool.threads)
  fails('argument', /this Weight was disposed of/, () => new Program(new Pool(1), description))
  fails('argument', /this Weight was disposed of/, () => description.weights[0].addF32(0, new Float32Array(0)))
  cache.dispose()
  cache.dispose()
  fails('argument', /this Cache was disposed of/, () => cache.length)
  fails('argument', /this Cache was disposed of/, () => cache.commit(Int32Array.of(0)))
  fails('argument', /this Cache was disposed of/, () => program.run(1, [], cache, Int32Array.of(-1), []))
  program.dispose()
  fails('argument', /this Program was disposed of/, () => new Cache(program, 10))
  fails('argument', /this Program was disposed of/, () => program.run(1, [], null, null, []))
})

promise('wrong arguments are errors with a code', () => {
  const description = decoder(addon)
  const program = new Program(new Pool(1), description)
  fails('argument', /call new Pool/, () => Pool(1))
  fails('argument', /expected 1 to 256, got 0/, () => new Pool(0))
  fails('argument', /threads: expected a whole number/, () => new Pool(1.5))
  fails('argument', /threads: expected a number/, () => new Pool('1'))
  fails('argument', /threads: expected a number/, () => new Pool())
  fails('argument', /expected a Pool/, () => new Program({}, description))
  fails('argument', /expected a Program/, () => new Cache(new Pool(1), 1))
  assert.throws(() => program.run.call(new Pool(1)), TypeError)
  assert.throws(() => program.run.call(Object.create(program)), TypeError)
  assert.throws(() => program.run.call(Reflect.construct(Pool, [1], Program), 1), TypeError)
  fails('argument', /ops: expected a typed array/, () => new Program(new Pool(1), { ...description, ops: [] }))
  fails(
    'argument',
    /ops: expected Int32Array/,
    () => new Program(new Pool(1), { ...description, ops: new Float32Array(1) }),
  )
  fails('argument', /expected a Weight/, () => new Program(new Pool(1), { ...description, weights: [1] }))
  fails('argument', /weights: expected an array/, () => new Program(new Pool(1), { ...description, weights: null }))
  fails('argument', /expected an object/, () => new Program(new Pool(1)))
  fails(
    'runtime',
    /cannot run the instruction set "mmx"/,
    () => new Program(new Pool(1), { ...description, isa: 'mmx' }),
  )
  fails(
    'argument',
    /rows are missing in weight 0/,
    () =>
      new Program(new Pool(1), {
        ...description,
        weights: [new Weight({ type: 'vector', n: description.width, k: 1 }), ...description.weights.slice(1)],
      }),
  )
  fails('argument', /expected Int8Array and Float32Array/, () =>
    new Weight({ type: 'int8', n: 1, k: 1 }).add(new Int8Array(1), new Float64Array(1), 0, 1),
  )
  fails('argument', /inputs: expected Float32Array or Int32Array/, () =>
    program.run(
      1,
      [new Float64Array(description.width), Int32Array.of(0)],
      new Cache(program, 1),
      Int32Array.of(-1),
      [],
    ),
  )
  fails('argument', /wanted: expected Int32Array/, () => program.run(1, [], null, null, new Float32Array(1)))
  if (addon.availableIsas().length > 1)
    fails(
      'argument',
      /packed for another instruction set/,
      () => new Program(new Pool(1), { ...description, isa: addon.availableIsas().at(-1) }),
    )
  assert.throws(
    () =>
      new Program(new Pool(1), {
        get arenaWidth() {
          throw new TypeError('mine')
        },
      }),
    TypeError,
  )
})

promise('rows held that are not there are an error, and those that are stay', () => {
  const description = decoder(addon)
  const program = new Program(new Pool(1), description)
  const cache = new Cache(program, 4)
  const run = (held, parents) =>
    program.run(
      parents.length,
      [new Float32Array(parents.length * description.width), new Int32Array(parents.length)],
      cache,
      Int32Array.from(parents),
      [],
      held,
    )
  fails('argument', /held: expected 0 to 0, the rows since the last commit or truncate, got 1/, () => run(1, [-1]))
  run(undefined, [-1, 0])
  for (const held of [3, -1, 2 ** 31, -(2 ** 53) + 1, 2 ** 53 - 1])
    fails('argument', /held: expected 0 to 2/, () => run(held, [-1]))
  for (const held of [0.5, NaN, 2 ** 53, -Infinity])
    fails('argument', /held: expected a whole number/, () => run(held, [-1]))
  for (const held of ['1', 1n, {}, [2], true]) fails('argument', /held: expected a number/, () => run(held, [-1]))
  fails('argument', /row 2 has parent 2/, () => run(2, [2]))
  fails('context', /5 rows after 0 positions .* \(2 of them held\)/, () => run(2, [1, 2, 3]))
  run(2, [1])
  run(3, [2])
  cache.commit(Int32Array.of(0, 1, 2, 3))
  assert.equal(cache.length, 4)
  fails('argument', /held: expected 0 to 0/, () => run(1, [-1]))
})

promise('a prefix that does not fit, and riders that are not there, are errors', () => {
  const description = decoder(addon)
  const program = new Program(new Pool(1), description)
  const cache = new Cache(program, 8)
  const layers = Array.from({ length: description.caches.length / 2 }, (_, i) => {
    const [kvHeads, headDim] = description.caches.slice(2 * i, 2 * i + 2)
    return kvHeads * headDim
  })
  const parts = (count) => layers.map((size) => new Float32Array(count * size))
  const run = (riders) =>
    program.run(
      2,
      [new Float32Array(2 * description.width), new Int32Array(2)],
      cache,
      Int32Array.of(-1, 0),
      [],
      0,
      riders,
    )
  const wrong = /expected a Float32Array of|a prefix has keys and values of/
  fails('argument', wrong, () => cache.setPrefix(2, parts(3), parts(2)))
  fails('argument', wrong, () => cache.setPrefix(2, parts(2), []))
  fails('argument', wrong, () => cache.setPrefix(2, parts(2), parts(2).slice(1)))
  fails('argument', /more layers than the cache has/, () => cache.setPrefix(2, [...parts(2), ...parts(2)], parts(2)))
  for (const count of [-1, 2 ** 31, 2 ** 53 - 1])
    fails('argument', /a prefix has/, () => cache.setPrefix(count, parts(1), parts(1)))
  for (const count of [0.5, NaN, '1', {}, undefined])
    fails('argument', /count: expected/, () => cache.setPrefix(count, parts(1), parts(1)))
  for (const arrays of [undefined, 1, 'x', {}]) fails('argument', /keys/, () => cache.setPrefix(1, arrays, parts(1)))
  cache.setPrefix(3, parts(3), parts(3))
  for (const riders of [3, -1, 2 ** 31, 2 ** 53 - 1]) fails('argument', /riders: expected 0 to 2/, () => run(riders))
  for (const riders of [0.5, NaN, '1', {}]) fails('argument', /riders: expected/, () => run(riders))
  for (const riders of [undefined, 0, 1, 2]) run(riders)
  fails('argument', /empty cache/, () => cache.setPrefix(0, [], []))
  cache.truncate(0)
  cache.setPrefix(0, [], [])
  run(1)
})

promise('arrays that vanish while arguments are read do no harm', () => {
  const description = decoder(addon)
  const program = new Program(new Pool(1), description)
  const cache = new Cache(program, 10)
  const x = new Float32Array(description.width)
  const inputs = [x]
  Object.defineProperty(inputs, 1, {
    get() {
      structuredClone(x.buffer, { transfer: [x.buffer] })
      return Int32Array.of(0)
    },
  })
  fails('argument', /input 0: expected f32 \[1, 48\], got 0/, () =>
    program.run(1, inputs, cache, Int32Array.of(-1), []),
  )
  const ops = description.ops.slice()
  const sly = {
    ...description,
    ops,
    get outputs() {
      structuredClone(ops.buffer, { transfer: [ops.buffer] })
      return description.outputs
    },
  }
  new Program(new Pool(1), sly)
  const { Float32Array: real } = globalThis
  try {
    globalThis.Float32Array = function replaced(length) {
      globalThis.Float32Array = real
      program.run(5, [new real(5 * description.width), new Int32Array(5)], cache, new Int32Array(5).fill(-1), [])
      return new real(length)
    }
    fails('runtime', /a run within a run/, () =>
      program.run(1, [new real(description.width), Int32Array.of(0)], cache, Int32Array.of(-1), [0]),
    )
  } finally {
    globalThis.Float32Array = real
  }
})

promise('garbage in place of any argument never ends the process', () => {
  const random = randomOf(3)
  const description = decoder(addon, { width: 8, heads: 2, kvHeads: 1, headDim: 4, mlp: 8, vocab: 10, layers: 1 })
  const pool = new Pool(2)
  const garbage = () => {
    const all = [
      0,
      -1,
      1,
      2,
      16,
      1.5,
      NaN,
      2 ** 31,
      -(2 ** 31),
      2 ** 53,
      1e300,
      '',
      'f32',
      'int8',
      null,
      undefined,
      true,
      5n,
      Symbol('s'),
      [],
      {},
      [1],
      () => 1,
      new Float32Array(8),
      new Int32Array(1),
      new Int32Array(0),
      new Uint8Array(64),
      new Int8Array(8),
      new Uint16Array(1),
      new Float64Array(2),
      new DataView(new ArrayBuffer(8)),
      new ArrayBuffer(8),
      new Float32Array(new SharedArrayBuffer(32)),
      pool,
      description.weights[0],
      description,
      Pool,
      new Proxy([], {}),
      new Proxy({}, { get: () => 1 }),
    ]
    return all[Math.floor(random() * all.length)]
  }
  const program = new Program(pool, description)
  let survived = 0
  for (let i = 0; i < 30000; i++) {
    const some = (...right) => right.map((value) => (random() < 0.25 ? garbage() : value))
    try {
      const cache = new Cache(program, 5)
      switch (Math.floor(random() * 7)) {
        case 0:
          new Program(
            ...some(pool, { ...description, [Object.keys(description)[Math.floor(random() * 9)]]: garbage() }),
          )
          break
        case 1:
          program.run(1, [new Float32Array(8), Int32Array.of(0)], cache, Int32Array.of(-1), [])
          program.run(...some(1, [new Float32Array(8), Int32Array.of(1)], cache, Int32Array.of(0), [0, 1], 1))
          break
        case 2:
          new Cache(...some(program, 5))
          break
        case 3:
          new Weight({
            type: ['f32', 'int8', 'int4', 'vector', garbage()][i % 5],
            n: i % 3 ? 2 : garbage(),
            k: 8,
          }).addF32(...some(0, new Float32Array(16)))
          break
        case 4:
          new Weight({ type: i % 2 ? 'int8' : 'int4', n: 1, k: 8 }).add(
            ...some(
              i % 2 ? new Int8Array(8) : new Uint8Array(64),
              i % 2 ? new Float32Array(1) : new Uint16Array(1),
              0,
              1,
            ),
          )
          break
        case 5:
          cache.commit(garbage())
          break
        default:
          cache.truncate(garbage())
      }
      survived++
    } catch (error) {
      assert.ok(error instanceof Error)
    }
  }
  assert.ok(survived > 1000)
})

await promised()
