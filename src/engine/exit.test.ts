import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeRandomCheckpoint } from '../checkpoint/index.ts'

/*
 * How a process with a model in it ends. ONNX Runtime aborts the whole process when its thread is ended within one of
 * its calls, so each case runs in a process of its own.
 */

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-exit-'))
  await writeRandomCheckpoint(folder, 'llama-tiny', 1)
})
afterAll(() => rm(folder, { recursive: true }))

const packageRoot = join(import.meta.dirname, '..', '..')

/** Runs a module that may use `loadModel` and `folder`; how it ended, and what it printed. */
async function run(body: string): Promise<{ code: number | string | null; stdout: string; stderr: string }> {
  const source = `import { loadModel } from 'paceline'\nconst folder = ${JSON.stringify(folder)}\n${body}`
  const options = { cwd: packageRoot, timeout: 30_000 }
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source], options)) }
  } catch (error) {
    const { code, signal, stdout, stderr } = error as { [field: string]: string }
    return { code: signal ?? code, stdout, stderr }
  }
}

test('a process ends by itself when its models are disposed of, and when they could not be loaded', async () => {
  const { code, stdout } = await run(`
    const model = await loadModel(folder)
    await model.generate('Hi', { maxTokens: 3 }).result()
    await model.dispose()
    for (const wrong of [[folder, { dtype: 'int2' }], [folder, { executionProviders: ['none'] }], [folder + '/no', {}]])
      await loadModel(...wrong).catch(({ code }) => console.log(code))
    console.log('end')`)
  expect([code, stdout]).toEqual([0, 'argument\nruntime\nfile\nend\n'])
})

test('loading can be stopped at any time', async () => {
  const { code, stdout } = await run(`
    for (let ms = 0; ms < 360; ms += 30) {
      const controller = new AbortController()
      setTimeout(() => controller.abort(new Error('stopped')), ms)
      const model = await loadModel(folder, { signal: controller.signal }).catch(({ message }) => message)
      if (model !== 'stopped') await model.dispose()
    }
    console.log('end')`)
  expect([code, stdout]).toEqual([0, 'end\n'])
})

test('a process can exit at any time while it generates or loads', async () => {
  const moments = [1, 6, 15, 32]
  const generating = moments.map(
    (ms) => `
    const model = await loadModel(folder)
    model.generate('Hi', { maxTokens: 500, ignoreEos: true })
    setTimeout(() => process.exit(7), ${ms})`,
  )
  const loading = moments.map(
    (ms) => `
    loadModel(folder)
    setTimeout(() => process.exit(7), ${ms * 6})`,
  )
  for (const body of [...generating, ...loading]) expect((await run(body)).code).toBe(7)
})

test('an error that ends a generation nobody reads does not end the process', async () => {
  const { code, stdout } = await run(`
    const model = await loadModel(folder)
    model.generate('')
    await model.generate('Hi', { maxTokens: 1 }).result()
    await model.dispose()
    console.log('end')`)
  expect([code, stdout]).toEqual([0, 'end\n'])
})
