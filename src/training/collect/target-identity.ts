import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Checkpoint, openCheckpoint, type TextCodec, tokenizerFolder } from '../../checkpoint/index.ts'
import { PacelineError } from '../../errors.ts'
import { weightsFingerprint } from '../sources.ts'

export interface TargetIdentity {
  /** How a prompt is asked: as the user's turn in the words of the chat template, or as it is where there is none. */
  readonly chatFormat: string | null
  /** "sha256:" and a hash, each. */
  readonly weights: string
  readonly config: string
  readonly tokenizer: string
}

/**
 * What tells a target apart: everything in its folder that its answers depend on. Reads all weights.
 * Throws as `openCheckpoint` does, and code `format` or `argument` for a chat template that cannot be used.
 */
export async function identifyTarget(folder: string): Promise<TargetIdentity> {
  const checkpoint = await openCheckpoint(folder)
  try {
    return {
      chatFormat: chatFormatOf(checkpoint.text),
      weights: await weightsFingerprint(checkpoint.source),
      config: hash(JSON.stringify(sorted(checkpoint.spec))),
      tokenizer: hash(await readFile(join(await tokenizerFolder(folder), 'tokenizer.json'))),
    }
  } finally {
    await checkpoint.close()
  }
}

function chatFormatOf(text: TextCodec): string | null {
  try {
    return text.applyChatTemplate([{ role: 'user', content: '{prompt}' }])
  } catch (error) {
    if (PacelineError.isInstance(error) && error.code === 'unsupported') return null
    throw error
  }
}

/** Fields in the order of their names: what the order in config.json is says nothing. */
function sorted(spec: Checkpoint['spec']): object {
  return Object.fromEntries(Object.entries(spec).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function hash(content: string | Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}
