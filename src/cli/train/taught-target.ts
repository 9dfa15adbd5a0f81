import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packDataset } from '../../training/index.ts'
import { type Ended, runBuilt } from '../run-built.ts'

/*
 * For tests of commands that train heads.
 */

/** What the target learns by heart, so that there is something to guess. */
export const sentences = [
  'red roses grow in the garden',
  'green grass grows on the hill',
  'blue water runs to the sea',
  'white snow falls on the roof',
]

export interface TaughtTarget {
  /** A path in the folder of the test; the target is `lm/model`, its dataset `packed`. */
  at(...names: string[]): string
  /** Trains a head of this method for the target. */
  train(method: string, out: string, ...more: string[]): Promise<Ended>
  dispose(): Promise<void>
}

/** A small target that was trained on `sentences`. */
export async function teachTarget(): Promise<TaughtTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'paceline-heads-'))
  const at = (...names: string[]) => join(folder, ...names)
  const batch = ['--sequences', '4', '--length', '64', '--learning-rate', '0.01', '--warmup', '5']
  const rows = Array.from({ length: 400 }, (_, i) => {
    const sentence = sentences[i % sentences.length]
    return { prompt: `${sentence.split(' ')[0]} ${i}`, response: sentence }
  })
  await writeFile(at('data.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  await packDataset({ files: [at('data.jsonl')], folder: at('packed'), vocabulary: 300, validation: 0.05 })
  const shape = ['--width', '48', '--layers', '3', '--heads', '2', '--kv-heads', '1', '--intermediate', '96']
  const { code, stderr } = await runBuilt([
    ...['train', 'lm', '--data', at('packed'), '--out', at('lm'), ...shape, ...batch, '--updates', '80'],
  ])
  if (code !== 0) throw new Error(stderr)
  return {
    at,
    train: (method, out, ...more) =>
      runBuilt([
        ...['train', method, '--target', at('lm', 'model'), '--data', at('packed'), '--out', at(out), ...batch],
        ...more,
      ]),
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
}
