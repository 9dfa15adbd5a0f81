// Installs the native addon: the prebuilt binary of the package where there is one that runs here, else by compiling.
// Where neither works (no compiler, no headers), the installation still succeeds: ONNX Runtime serves instead, and
// `paceline inspect` and `profile` say why. `--strict` compiles in any case, and fails where that fails.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const built = join(folder, 'build')
const failure = join(built, 'failure.txt')
const strict = process.argv.includes('--strict')

const prebuild = strict ? {} : loadPrebuild()
if (prebuild.file) {
  // Whatever was compiled here before would come first when the addon is loaded.
  rmSync(built, { recursive: true, force: true })
} else {
  compile(prebuild.problem ? `${prebuild.problem}; ` : '')
}

/** The binary for this machine, once it has been loaded; or what is wrong with it; or nothing, when there is none. */
function loadPrebuild() {
  process.env.PREBUILDS_ONLY = '1'
  let file
  try {
    const require = createRequire(import.meta.url)
    file = require('node-gyp-build').resolve(folder)
    require(file).isa()
    return { file }
  } catch (error) {
    return file ? { problem: `the prebuilt binary does not run here: ${firstLine(error.message)}` } : {}
  }
}

function compile(before) {
  const gyp = findNodeGyp()
  const args = ['rebuild', '-C', folder, '--loglevel', 'warn', '-j', 'max']
  const result = gyp
    ? spawnSync(process.execPath, [gyp, ...args], { encoding: 'utf8', maxBuffer: 1 << 26 })
    : { status: 1, stderr: 'node-gyp was not found', stdout: '' }

  mkdirSync(built, { recursive: true })
  if (result.status === 0) {
    rmSync(failure, { force: true })
    if (strict) process.stdout.write(result.stdout)
    return
  }
  const output = `${result.stdout}\n${result.stderr}`.trim()
  const lines = output.split('\n')
  const cause =
    lines.find((line) => /\berror: |not found/i.test(line)) ??
    lines.find((line) => /error/i.test(line)) ??
    `node-gyp exited with ${result.status}`
  const reason = `${before}the build failed: ${cause.replace(/^gyp ERR! (stack )?/, '').trim()}`
  writeFileSync(failure, `${reason}\n`)
  writeFileSync(join(built, 'build.log'), `${output}\n`)
  console.error(`paceline: there is no native addon (${reason}); ONNX Runtime serves instead.`)
  if (strict) process.exitCode = 1
}

/** npm names its own copy in the environment of install scripts; outside of npm, the one beside npm is as good. */
function findNodeGyp() {
  if (process.env.npm_config_node_gyp) return process.env.npm_config_node_gyp
  try {
    return createRequire(join(process.execPath, '..', '..', 'lib', 'node_modules', 'npm', 'package.json')).resolve(
      'node-gyp/bin/node-gyp.js',
    )
  } catch {
    return undefined
  }
}

function firstLine(text) {
  return text.split('\n', 1)[0]
}
