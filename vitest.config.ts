import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'examples/**/*.test.ts', 'native/test/*.test.ts'],
    testTimeout: 60_000,
    // Two cores: files that run ONNX Runtime sessions side by side only slow one another down.
    maxWorkers: 2,
  },
})
