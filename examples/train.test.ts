import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('the example of training learns what it is shown', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    fileURLToPath(new URL('train.mjs', import.meta.url)),
  ])
  expect(stderr).toBe('')
  expect(stdout).toMatch(/update 80: validation loss 0\.\d+/)
  expect(stdout).toContain('Say blue 2 -> blue blue blue\n')
})
