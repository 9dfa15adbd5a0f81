import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noise } from '../../graph/noise.ts'
import { readTrajectories, type TrajectoryDataset } from './dataset.ts'
import { type TrajectoryAnswer, trajectoryOf } from './trajectory.ts'

/** Answers of random tokens, in blocks of 5 that random iterates come to; no two texts are alike. */
export function tinyAnswers(vocabSize: number, count = 12): TrajectoryAnswer[] {
  const random = noise(count * 400, 7)
  let drawn = 0
  const draw = (below: number) => Math.floor(((random[drawn++] + 1) / 2) * below)
  return Array.from({ length: count }, (_, i) => {
    const promptIds = Array.from({ length: 2 + draw(3) }, () => draw(vocabSize))
    const blocks = [5, 5, 1 + draw(5)].map((size) => {
      const tokens = Array.from({ length: size }, () => draw(vocabSize))
      const iterates = Array.from({ length: size }, (_, j) => [
        ...tokens.slice(0, j),
        ...Array.from({ length: size - j }, () => draw(vocabSize)),
      ])
      return trajectoryOf(tokens, iterates)
    })
    const tokens = blocks.reduce((sum, { tokens }) => sum + tokens.length, 0)
    const text = { task: i % 2 ? 'odd' : 'even', prompt: `prompt ${i}`, response: `response ${i}` }
    return { ...text, finish: 'stop', tokens, block: 5, promptIds, blocks }
  })
}

/** Reads these answers as a file, with this share for validation. */
export async function tinyTrajectories(
  vocabSize: number,
  { validation = 0, answers = tinyAnswers(vocabSize) } = {},
): Promise<TrajectoryDataset> {
  const folder = await mkdtemp(join(tmpdir(), 'paceline-trajectories-'))
  try {
    const file = join(folder, 'trajectories.jsonl')
    await writeFile(file, answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''))
    return await readTrajectories([file], { tokenizer: { fingerprint: 'tiny', vocabSize }, validation, seed: 1 })
  } finally {
    await rm(folder, { recursive: true })
  }
}
