import { join } from 'node:path'
import { PacelineError } from '../../errors.ts'
import { readIfThere } from '../../files.ts'
import { packDataset } from '../../training/index.ts'
import { interruption } from '../interruption.ts'
import { progressLine } from '../terminal.ts'

/** What a token of a prompt counts beside one of an answer where answers are packed on the way. */
const promptWeight = 0.1

export interface HeadData {
  /** A packed dataset, or JSONL. */
  readonly data: string
  readonly target: string
  /** The folder of the run. */
  readonly out: string
  readonly resume: boolean
}

/**
 * The folder of the dataset that a head is trained on: `data` itself, or, of JSONL, the folder `data` of the run, into which it
 * is packed when the run begins. Throws as `packDataset` does, code `runtime` when interrupted.
 */
export async function packedData({ data, target, out, resume }: HeadData): Promise<string> {
  if (!data.endsWith('.jsonl')) return data
  const folder = join(out, 'data')
  // A run that is there goes on with its own data, or is refused.
  if (resume || (await readIfThere(join(out, 'run.json'))) !== undefined) return folder
  const progress = progressLine()
  using interrupted = interruption()
  try {
    await packDataset({
      ...{ files: [data], folder, tokenizer: target, promptWeight, force: true },
      signal: interrupted.signal,
      onProgress: (phase, share) => progress.update(phase, share),
    })
  } catch (error) {
    if (!interrupted.signal.aborted || PacelineError.isInstance(error)) throw error
    throw new PacelineError('runtime', `interrupted while ${data} was packed: nothing was written`)
  } finally {
    progress.clear()
  }
  return folder
}
