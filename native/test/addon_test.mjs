// The addon as JavaScript sees it: node --expose-gc native/test/addon_test.mjs [path of paceline.node]
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { decoder, floats, randomOf, randomWeight, runDecoder } from './decoder.mjs'

const require = createRequire(import.meta.url)
const file =
  (isMainThread ? process.argv[2] && resolve(process.argv[2]) : workerData.file) ??
  require('node-gyp-build').resolve(fileURLToPath(new URL('..', import.meta.url)))
const addon = require(file)
const { Pool, Weight, Program, Cache } = addon

function generate(rounds, threads, options) {
  const description = decoder(addon, options)
  const program = new Program(new Pool(threads), description)
  const cache = new Cache(program, 500)
  const random = randomOf(7)
  let sum = 0
  for (let round = 0; round < rounds; round++) {
    const parents = [-1, 0, 0, 2, 1]
    const [features] = runDecoder(program, cache, floats(random, 5 * description.width), parents, [0])
    for (const value of features) sum = Math.fround(sum * 0.9 + value)
    cache.commit(Int32Array.of(0, 2, 3))
  }
  return sum
}

if (!isMainThread) {
  // Leaves pools and programs behind, as an engine that is terminated does.
  const sum = generate(workerData.rounds, workerData.threads)
  const { parentPort } = await import('node:worker_threads')
  parentPort.postMessage(sum)
  if (workerData.forever) for (;;) generate(3, 2)
} else {
  await main()
}

async function main() {
  const tests = []
  const promise = (name, body) => tests.push([name, body])
  const fails = (code, message, body) =>
    assert.throws(body, (error) => error instanceof Error && error.code === code && message.test(error.message))

  promise('the instruction sets are named, the one in use first or chosen', () => {
    assert.ok(addon.availableIsas().includes('portable'))
    if (!process.env.PACELINE_ISA) assert.equal(addon.isa(), addon.availableIsas()[0])
  })

  promise('memory that was freed goes back to the system', () => {
    if (!process.report.getReport().header.glibcVersionRuntime) return
    const status = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
    // Blocks that malloc keeps: too small to be mapped by themselves, with one in between that stays.
    let blocks = Array.from({ length: 4000 }, () => Buffer.alloc(64 << 10, 1))
    const full = status()
    blocks = blocks.filter((_, i) => i % 100 === 0)
    globalThis.gc()
    addon.releaseMemory()
    const left = status()
    assert.ok(left < full - 150, `${full} MiB before, ${left} MiB after`)
    assert.equal(blocks.length, 40)
  })

  promise('PACELINE_ISA chooses, and an unknown one is an error in words', () => {
    const ask = (isa) =>
      spawnSync(
        process.execPath,
        ['-p', `try { require(${JSON.stringify(file)}).isa() } catch (e) { e.code + ' ' + e.message }`],
        { encoding: 'utf8', env: { ...process.env, PACELINE_ISA: isa } },
      ).stdout.trim()
    assert.equal(ask('portable'), 'portable')
    assert.match(ask('mmx'), /^runtime .+/)
  })

  promise(
    'a tree row equals plain decoding bit for bit, on every instruction set, precision and number of threads',
    () => {
      for (const isa of addon.availableIsas()) {
        for (const type of ['f32', 'int8', 'int4']) {
          for (const threads of [1, 2, 3]) {
            const description = decoder(addon, { type, isa, seed: threads })
            const program = new Program(new Pool(threads), description)
            const single = new Program(new Pool(1), description)
            const cache = new Cache(program, 100)
            const steps = new Cache(single, 100)
            const random = randomOf(threads)
            const { width } = description
            for (let round = 0; round < 3; round++) {
              const parents = Array.from({ length: 11 }, (_, row) =>
                Math.max(-1, Math.floor(row - 1 - 3 * random() ** 3)),
              )
              const x = floats(random, parents.length * width)
              const outputs = runDecoder(program, cache, x, parents)
              assert.ok(outputs[1].some((value) => value !== 0) && outputs[1].every(Number.isFinite))
              let path = []
              parents.forEach((_, row) => {
                path = []
                for (let r = row; r >= 0; r = parents[r]) path.unshift(r)
                let alone
                for (const r of path) {
                  alone = runDecoder(single, steps, x.slice(r * width, (r + 1) * width), [-1])
                  steps.commit(Int32Array.of(0))
                }
                alone.forEach((values, i) => {
                  assert.deepEqual(outputs[i].slice(row * values.length, (row + 1) * values.length), values)
                })
                if (row < parents.length - 1) steps.truncate(cache.length)
              })
              cache.commit(Int32Array.from(path))
              assert.equal(cache.length, steps.length)
            }
          }
        }
      }
    },
  )

  promise('a prompt of many rows equals it in pieces', () => {
    const description = decoder(addon)
    const program = new Program(new Pool(2), description)
    const [whole, pieces] = [new Cache(program, 300), new Cache(program, 300)]
    const x = floats(randomOf(1), 300 * description.width)
    const chain = (rows) => Array.from({ length: rows }, (_, row) => row - 1)
    const [features] = runDecoder(program, whole, x, chain(300), Int32Array.of(0))
    for (let at = 0, rows; at < 300; at += rows) {
      rows = Math.min(300 - at, 1 + (at % 64))
      const [part] = runDecoder(
        program,
        pieces,
        x.slice(at * description.width, (at + rows) * description.width),
        chain(rows),
        [0],
      )
      assert.deepEqual(part, features.slice(at * description.width, (at + rows) * description.width))
      pieces.commit(Int32Array.from(chain(rows), (row) => row + 1))
    }
  })

  promise('outputs are fresh arrays of their dtype; wanted may name any, in any order, again', () => {
    const description = decoder(addon)
    const program = new Program(new Pool(2), description)
    const cache = new Cache(program, 10)
    const outputs = runDecoder(program, cache, floats(randomOf(1), 2 * description.width), [-1, 0], [4, 2, 4, 0])
    assert.deepEqual(
      outputs.map((output) => [output.constructor, output.length]),
      [
        [Int32Array, 10],
        [Int32Array, 2],
        [Int32Array, 10],
        [Float32Array, 2 * description.width],
      ],
    )
    assert.deepEqual(outputs[0], outputs[2])
    assert.notEqual(outputs[0].buffer, outputs[2].buffer)
    assert.equal(outputs[0][0], outputs[1][0]) // the best of the best five
    assert.deepEqual(runDecoder(program, cache, floats(randomOf(1), 2 * description.width), [-1, 0], []), [])
  })

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

  promise('arrays that vanish while arguments are read do no harm', () => {
    const description = decoder(addon)
    const program = new Program(new Pool(1), description)
    const cache = new Cache(program, 10)
    const x = new Float32Array(description.width)
    const inputs = [x]
    Object.defineProperty(inputs, 1, {
      get: () => (structuredClone(x.buffer, { transfer: [x.buffer] }), Int32Array.of(0)),
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
            program.run(...some(1, [new Float32Array(8), Int32Array.of(0)], cache, Int32Array.of(-1), [0, 1]))
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

  promise('what nobody holds is freed', async () => {
    assert.ok(globalThis.gc, 'run node with --expose-gc')
    const make = () => {
      const weight = randomWeight(addon, () => 0.5, 'vector', 1 << 22, 1)
      const program = new Program(new Pool(3), { ...decoder(addon), weights: decoder(addon).weights.concat(weight) })
      const cache = new Cache(program, 4000)
      runDecoder(program, cache, new Float32Array(48), [-1])
    }
    const settle = async () => {
      for (let i = 0; i < 5; i++) {
        globalThis.gc()
        await sleep(5)
      }
      return process.memoryUsage.rss()
    }
    make()
    const before = await settle()
    for (let i = 0; i < 40; i++) {
      make()
      if (i % 5 === 4) await settle()
    }
    const grown = (await settle()) - before
    assert.ok(grown < 100e6, `${grown} bytes more`) // 40 times 17 MB were taken
  })

  promise('worker threads load it side by side, agree, and end with pools alive', async () => {
    const start = (options) =>
      new Worker(fileURLToPath(import.meta.url), { workerData: { file, rounds: 20, threads: 2, ...options } })
    const message = (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    const workers = [1, 2, 3, 4].map((threads) => start({ threads }))
    const sums = await Promise.all(workers.map(message))
    assert.deepEqual(sums, new Array(4).fill(generate(20, 2)))
    const busy = [start({ forever: true }), start({ forever: true })]
    await Promise.all(busy.map(message))
    await Promise.all(busy.map((worker) => worker.terminate()))
  })

  promise('a process that ends with everything alive ends well', () => {
    const script = `
      const { Pool, Program, Cache } = require(${JSON.stringify(file)})
      globalThis.kept = [new Pool(4)]
      kept.push(new Program(kept[0], { arenaWidth: 2, ops: Int32Array.of(), constants: Float32Array.of(), weights: [], inputs: Int32Array.of(0, 1, 0, 1, 0), outputs: Int32Array.of(0, 1, 0, 1, 0, -1), caches: Int32Array.of(), tables: [] }))
      console.log(kept[1].run(2, [Float32Array.of(3, 4)], null, null, [0])[0].join())
      EXIT`
    for (const exit of ['', 'process.exit(0)', 'setTimeout(() => {}, 20)']) {
      const { status, stdout } = spawnSync(process.execPath, ['-e', script.replace('EXIT', exit)], { encoding: 'utf8' })
      assert.deepEqual([status, stdout], [0, '3,4\n'])
    }
  })

  let failed = 0
  for (const [name, body] of tests) {
    try {
      await body()
      console.log(`ok   ${name}`)
    } catch (error) {
      failed++
      console.log(`FAIL ${name}\n`, error)
    }
  }
  process.exitCode = failed > 0 ? 1 : 0
}
