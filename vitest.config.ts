import { defineConfig, type Plugin } from 'vitest/config'

/**
 * `import('./file.ts?instead=EDIT')` is that module with one piece of its source replaced, so that tests can tell whether
 * they would notice. EDIT is the JSON [piece, replacement], in base64url. A piece that is not there exactly once fails.
 */
function mutants(): Plugin {
  return {
    name: 'mutants',
    enforce: 'pre',
    transform(code, id) {
      const edit = /\?.*\binstead=([\w-]+)/.exec(id)?.[1]
      if (edit === undefined) return undefined
      const [piece, replacement]: [string, string] = JSON.parse(Buffer.from(edit, 'base64url').toString())
      const parts = code.split(piece)
      if (parts.length !== 2) throw new Error(`the source has this ${parts.length - 1} times, expected once: ${piece}`)
      return { code: parts.join(replacement), map: null }
    },
  }
}

export default defineConfig({
  plugins: [mutants()],
  test: {
    include: ['src/**/*.test.ts', 'examples/**/*.test.ts', 'native/test/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: files that run ONNX Runtime sessions side by side only slow one another down.
    maxWorkers: 2,
  },
})
