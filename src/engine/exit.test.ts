import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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

/** Runs a module that may use `loadModel`, `folder` and `load(options)`; how it ended, and what it printed. */
async function run(body: string): Promise<{ code: number | string; stdout: string }> {
  const source = `
    import { loadModel } from 'paceline'
    const folder = ${JSON.stringify(folder)}
    const load = (options) => loadModel(folder, options)
    ${body}`
  const options = { cwd: packageRoot, timeout: 30_000 }
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source], options)) }
  } catch (error) {
    const { code, signal, stdout } = error as { code: number; signal: string | null; stdout: string }
    return { code: signal ?? code, stdout }
  }
}

test('a process ends by itself when its models are disposed of, and when they could not be loaded', async () => {
  const { code, stdout } = await run(`
    const model = await load()
    await model.generate('Hi', { maxTokens: 3 }).result()
    await model.dispose()
    for (const wrong of [{ dtype: 'int2' }, { executionProviders: ['none'] }])
      await load(wrong).catch(({ code }) => console.log(code))
    await loadModel(folder + '/nowhere').catch(({ code }) => console.log(code))
    console.log('end')`)
  expect([code, stdout]).toEqual([0, 'argument\nruntime\nfile\nend\n'])
})

test('an error that ends a generation nobody reads does not end the process', async () => {
  const { code, stdout } = await run(`
    const model = await load()
    model.generate('')
    await model.generate('Hi', { maxTokens: 1 }).result()
    await model.dispose()
    console.log('end')`)
  expect([code, stdout]).toEqual([0, 'end\n'])
})

describe.each(['onnx', 'auto'])('at any time (executor: %s)', (executor) => {
  test('loading can be stopped', async () => {
    const { code, stdout } = await run(`
      for (let ms = 0; ms < 320; ms += 40) {
        const controller = new AbortController()
        setTimeout(() => controller.abort(new Error('stopped')), ms)
        const options = { executor: '${executor}', signal: controller.signal }
        const model = await load(options).catch(({ message }) => message)
        if (model !== 'stopped') await model.dispose()
      }
      console.log('end')`)
    expect([code, stdout]).toEqual([0, 'end\n'])
  })

  test('a process can exit, while it loads and while it generates', async () => {
    for (const ms of [2, 9, 27]) {
      const loading = await run(`
        load({ executor: '${executor}' })
        setTimeout(() => process.exit(7), ${7 * ms})`)
      const generating = await run(`
        const model = await load({ executor: '${executor}' })
        model.generate('Hi', { maxTokens: 500, ignoreEos: true })
        setTimeout(() => process.exit(7), ${ms})`)
      expect([loading.code, generating.code]).toEqual([7, 7])
    }
  })
})
