// The addon under test, and named tests that run one after another.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMainThread, workerData } from 'node:worker_threads'

const require = createRequire(import.meta.url)

/** The first argument of the command line, or the addon that an installation would load. */
export const file =
  (isMainThread ? process.argv[2] && resolve(process.argv[2]) : workerData.file) ??
  require('node-gyp-build').resolve(fileURLToPath(new URL('..', import.meta.url)))
export const addon = require(file)

const tests = []

export const promise = (name, body) => tests.push([name, body])

/** Expects an error with this code and a message like this. */
export const fails = (code, message, body) =>
  assert.throws(body, (error) => error instanceof Error && error.code === code && message.test(error.message))

/** Runs what was promised. */
export async function promised() {
  for (const [name, body] of tests) {
    try {
      await body()
      console.log(`ok   ${name}`)
    } catch (error) {
      process.exitCode = 1
      console.log(`FAIL ${name}\n`, error)
    }
  }
}
