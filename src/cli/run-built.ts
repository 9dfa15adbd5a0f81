import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/*
 * For tests: commands as a user runs them, in a process of their own.
 */

/** The built command. */
export const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Circumstances {
  /** What it reads from stdin; nothing unless given. */
  readonly input?: string
  /** Beside the variables of this process, without those that colour the output. */
  readonly env?: NodeJS.ProcessEnv
  /** Gets the process as it starts. */
  readonly started?: (child: ChildProcess) => void
}

/** Runs `paceline` with these arguments to its end. */
export function runBuilt(args: readonly string[], circumstances?: Circumstances): Promise<Ended> {
  return runProcess(process.execPath, [main, ...args], circumstances)
}

export function runProcess(
  command: string,
  args: readonly string[],
  { input, env, started }: Circumstances = {},
): Promise<Ended> {
  const { NO_COLOR: _, FORCE_COLOR: __, ...clean } = process.env
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { ...clean, ...env } })
    const ended = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (text) => {
        ended[stream] += text
      })
    child.stdin.on('error', () => {}).end(input)
    child.on('close', (code) => resolve({ code, ...ended }))
    started?.(child)
  })
}
