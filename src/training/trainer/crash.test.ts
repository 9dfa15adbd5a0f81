import { spawn } from 'node:child_process'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Checkpoints } from './checkpoints.ts'
import { Curve } from './curve.ts'
import { scratchFolder } from './scratch.ts'

const program = fileURLToPath(new URL('../../../dist/training/trainer/toy-run.js', import.meta.url))
const updates = 60
let folder = ''
beforeAll(async () => {
  folder = await scratchFolder()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/**
 * Runs the toy training in a folder of this test. It is killed `delay` ms after it said "half" for the `half`-th time,
 * in the middle of writing a checkpoint, if it lives that long. Returns how it ended.
 */
function run(name: string, half = Number.POSITIVE_INFINITY, delay = 0): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, join(folder, name), String(updates)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let halves = 0
    child.stdout.on('data', (text) => {
      halves += String(text).split('half').length - 1
      if (halves < half) return
      if (delay === 0) child.kill('SIGKILL')
      else setTimeout(() => child.kill('SIGKILL'), delay)
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(signal ?? code))
  })
}

test('a process killed at any moment, also while it writes a checkpoint, and resumed ends with the same bits', async () => {
  expect(await run('whole')).toBe(0)
  // Each checkpoint says "half" twice: in its tensors and in its text.
  const kills: [half: number, delay: number][] = [
    [1, 0],
    [2, 0],
    [3, 3],
    [4, 17],
    [2, 31],
  ]
  let leftHalf = 0
  for (const [half, delay] of kills) {
    expect(await run('killed', half, delay)).toBe('SIGKILL')
    const names = await readdir(join(folder, 'killed', 'checkpoints'))
    leftHalf += names.filter((name) => name.startsWith('.unfinished')).length
  }
  expect(leftHalf).toBeGreaterThan(0)
  expect(await run('killed')).toBe(0)

  const [whole, killed] = await Promise.all(
    ['whole', 'killed'].map(async (name) => {
      const { step, trainer } = await new Checkpoints(join(folder, name, 'checkpoints')).read(updates)
      const points = await new Curve(join(folder, name, 'curve.csv')).read()
      return {
        step: Array.from(step, ([name, { data }]) => [
          name,
          Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
        ]),
        trainer: { ...trainer, seconds: 0 },
        curve: points.map((point) => ({ ...point, seconds: 0 })),
      }
    }),
  )
  expect(killed.trainer).toEqual(whole.trainer)
  expect(killed.curve).toEqual(whole.curve)
  expect(killed.step.map(([name]) => name)).toEqual(whole.step.map(([name]) => name))
  for (const [i, [, data]] of whole.step.entries()) expect(killed.step[i][1] === data).toBe(true)
})
