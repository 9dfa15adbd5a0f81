import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const native = fileURLToPath(new URL('..', import.meta.url))
const has = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0
const lacking = [
  ...['make', 'aarch64-linux-gnu-g++'].filter((command) => !has(command)),
  ...(has('qemu-aarch64-static') || has('qemu-aarch64') ? [] : ['qemu-aarch64']),
]
const lines = async (...args: string[]) => {
  const { stdout } = await promisify(execFile)('make', ['-C', native, ...args], { maxBuffer: 1 << 26 })
  return stdout.split('\n')
}

test.skipIf(lacking.length > 0)(
  `kernels on AArch64, with and without dot products, equal plain loops and give a row the same bits in any company${
    lacking.length > 0 ? ` (not installed: ${lacking.join(', ')})` : ''
  }`,
  async () => {
    // Optimised little, which halves the time; `make -C native arm-test` is as shipped, and on one more processor.
    const quick = ['FAST=-O1', 'BUILD=build/kernels-quick', 'ARM_CPUS=cortex-a53:portable max:neon']
    const output = await lines('arm-test', '-j2', ...quick)
    const at = (line: string) => output.indexOf(line)
    expect(output[at('cortex-a53') + 1]).toBe('table portable')
    expect(output[at('max') + 1]).toBe('table neon')
    expect(output.filter((line) => line.startsWith('ok   neon: a row is a row'))).toHaveLength(1)
    expect(output.filter((line) => line.startsWith('ok   portable: a row is a row'))).toHaveLength(2)
  },
  300_000,
)

test.skipIf(!has('make'))(
  'without a compiler or an emulator the command says what it lacks, and is no failure',
  async () => {
    expect(await lines('arm-test', 'ARM_CXX=no-such-compiler', 'QEMU=')).toContain(
      'skipped: not installed: no-such-compiler qemu-aarch64',
    )
  },
)
