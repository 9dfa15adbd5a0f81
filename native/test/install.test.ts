import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))
const npm = resolve(dirname(process.execPath), 'npm')
const flavour = join('prebuilds', `${process.platform}-${process.arch}`)
const prebuilt = join(repository, 'native', flavour)
const compiled = join(repository, 'native', 'build', 'Release', 'paceline.node')
const reason =
  process.platform === 'win32' || !existsSync(npm)
    ? 'needs npm beside node, and a shell'
    : !existsSync(prebuilt) && !existsSync(compiled)
      ? 'there is no binary: npm run build:native'
      : undefined

/** Loads a model of random weights, and says on what it runs. */
const program = `
import { loadModel, promptLookup, writeRandomCheckpoint } from 'paceline'
await writeRandomCheckpoint('model', 'llama-tiny', 1)
const model = await loadModel('model', { threads: 1 })
const { ids } = await model.generate('abcabc', { drafter: promptLookup(), maxTokens: 8, ignoreEos: true }).result()
console.log(ids.length, model.info.executor)
await model.dispose()
`

describe.skipIf(reason !== undefined)(`the packed package, where no compiler is${reason ? ` (${reason})` : ''}`, () => {
  let root: string
  let env: NodeJS.ProcessEnv

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'paceline-install-'))
    // A PATH with node and a shell alone: no compiler, make or python to be found.
    await mkdir(join(root, 'bin'))
    await symlink(process.execPath, join(root, 'bin', 'node'))
    await symlink('/bin/sh', join(root, 'bin', 'sh'))
    const { HOME = root } = process.env
    env = { HOME, PATH: join(root, 'bin'), npm_config_offline: 'true', npm_config_onnxruntime_node_install: 'skip' }
  }, 60_000)
  afterAll(() => rm(root, { recursive: true, force: true }))

  /** Packs this repository with a prebuilt binary, and installs that in an empty project. Returns the project. */
  async function install(): Promise<string> {
    const source = join(root, 'source')
    const project = join(root, 'project')
    await mkdir(join(source, 'native'), { recursive: true })
    for (const part of ['package.json', 'dist', 'native/src', 'native/binding.gyp', 'native/install.mjs'])
      await cp(join(repository, part), join(source, part), { recursive: true })
    const to = join(source, 'native', flavour)
    if (existsSync(prebuilt)) await cp(prebuilt, to, { recursive: true })
    else await cp(compiled, join(to, 'paceline.node'))
    const packed = await run(npm, ['pack', '--ignore-scripts', '--json'], { cwd: source, env })
    const [{ filename }] = JSON.parse(packed.stdout)
    // Dependencies are those of this repository: an installation that finds them in place fetches nothing. But npm would
    // take linked ones for sources to be prepared, so install scripts run in a step of their own, for this package alone.
    await mkdir(project)
    await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }')
    for (const path of await runtimePackages()) {
      await mkdir(dirname(join(project, path)), { recursive: true })
      await symlink(join(repository, path), join(project, path))
    }
    await run(npm, ['install', join(source, filename), '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: project,
      env,
    })
    await writeFile(join(project, 'main.mjs'), program)
    return project
  }

  /** Runs the install scripts of the package, then `program`. */
  async function outcome(project: string): Promise<Record<'output' | 'executor', string>> {
    await run(npm, ['rebuild', 'paceline'], { cwd: project, env })
    const { stdout } = await run(process.execPath, ['main.mjs'], { cwd: project, env })
    const inspect = ['node_modules/paceline/dist/cli/main.js', 'inspect', 'model', '--json']
    const inspected = await run(process.execPath, inspect, { cwd: project, env })
    return { output: stdout.trim(), executor: JSON.parse(inspected.stdout).executor }
  }

  test('runs on the native kernels of its prebuilt binary; without one serves by ONNX Runtime, and says why', async () => {
    const project = await install()
    const native = join(project, 'node_modules', 'paceline', 'native')
    const file = createRequire(import.meta.url)('node-gyp-build').resolve(native)
    expect(file.startsWith(join(native, flavour))).toBe(true)
    const withBinary = await outcome(project)
    expect(withBinary.output).toBe('8 native')
    expect(withBinary.executor).toMatch(/^native, \w+ kernels$/)
    expect(existsSync(join(native, 'build'))).toBe(false)

    await rm(join(native, 'prebuilds'), { recursive: true })
    const { output, executor } = await outcome(project)
    const failure = (await readFile(join(native, 'build', 'failure.txt'), 'utf8')).trim()
    expect(failure).toMatch(/^the build failed: ./)
    expect(output).toBe('8 onnx')
    expect(executor).toBe(`ONNX Runtime, since the native executor is not available: ${failure}`)
  }, 240_000)
})

/** Where the packages are, relative to the repository, that this one needs when it runs. */
async function runtimePackages(): Promise<string[]> {
  const { packages } = JSON.parse(await readFile(join(repository, 'package-lock.json'), 'utf8'))
  return Object.keys(packages).filter(
    (path) => path !== '' && !packages[path].dev && existsSync(join(repository, path)),
  )
}
