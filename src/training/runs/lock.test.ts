import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from './lock.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paceline-lock-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('of many who want a folder at once one gets it, and it is free again afterwards', async () => {
  const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)))
  const [first, ...others] = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  expect(others).toEqual([])
  for (const one of tries)
    if (one.status === 'rejected')
      expect(one.reason).toMatchObject({
        code: 'file',
        message: expect.stringContaining(`process ${process.pid} is training there`),
      })
  await first[Symbol.asyncDispose]()
  expect(await readdir(folder)).toEqual([])
  await (await lockFolder(folder))[Symbol.asyncDispose]()
})

test('what a dead process left blocks nobody, nor does a new process with its number', async () => {
  const { pid } = spawnSync(process.execPath, ['--version'])
  const left = [`${pid} 123\n`, '']
  // Where the system tells when a process started, this one is not the one that the lock is of.
  await using own = await lockFolder(join(folder, 'own'))
  if (/ \d/.test(await readFile(join(folder, 'own', 'training.lock'), 'utf8'))) left.push(`${process.pid} 1\n`)
  for (const content of left) {
    await writeFile(join(folder, 'training.lock'), content)
    await using lock = await lockFolder(folder)
    expect(await readdir(folder)).toContain('training.lock')
    expect(lock).not.toBe(own)
  }
})

test('a folder that cannot be is said', async () => {
  await writeFile(join(folder, 'file'), '')
  await expect(lockFolder(join(folder, 'file', 'run'))).rejects.toMatchObject({ code: 'file' })
})
