// The addon as JavaScript sees it: node --expose-gc native/test/addon_test.mjs [path of paceline.node]
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { decoder, floats, randomOf, randomWeight, runDecoder } from './decoder.mjs'
import { addon, file, promise, promised } from './promises.mjs'

const { Pool, Program, Cache } = addon

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
              // Again in passes of three rows, each behind those before.
              for (let held = 0; held < parents.length; held += 3) {
                const end = Math.min(parents.length, held + 3)
                const before = parents.slice(0, held)
                const level = x.slice(held * width, end * width)
                runDecoder(program, cache, level, parents.slice(held, end), undefined, before).forEach((values, i) => {
                  const size = values.length / (end - held)
                  assert.deepEqual(values, outputs[i].slice(held * size, end * size))
                })
              }
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

  await promised()
}
