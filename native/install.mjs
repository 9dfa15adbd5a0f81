// Builds the native addon when the package is installed. Where that fails (no compiler, no headers), the installation
// still succeeds: ONNX Runtime serves instead, and `paceline inspect` and `profile` say why.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const failure = join(folder, 'build', 'failure.txt')

const gyp = findNodeGyp()
const args = ['rebuild', '-C', folder, '--loglevel', 'warn', '-j', 'max']
const result = gyp
  ? spawnSync(process.execPath, [gyp, ...args], { encoding: 'utf8', maxBuffer: 1 << 26 })
  : { status: 1, stderr: 'node-gyp was not found', stdout: '' }

mkdirSync(dirname(failure), { recursive: true })
if (result.status === 0) {
  rmSync(failure, { force: true })
  if (process.argv.includes('--strict')) process.stdout.write(result.stdout)
} else {
  const output = `${result.stdout}\n${result.stderr}`.trim()
  const reason =
    output.split('\n').find((line) => /error|not found/i.test(line)) ?? `node-gyp exited with ${result.status}`
  writeFileSync(failure, `the build failed: ${reason.trim()}\n`)
  writeFileSync(join(dirname(failure), 'build.log'), `${output}\n`)
  console.error(`paceline: the native addon could not be built (${reason.trim()}); ONNX Runtime serves instead.`)
  if (process.argv.includes('--strict')) process.exitCode = 1
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
