import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Checkpoints } from './checkpoints.ts'
import { Curve } from './curve.ts'
import { disk, type Storage } from './storage.ts'
import { toyStep, toyStream } from './toy.ts'
import { train } from './trainer.ts'

/*
 * A process that trains the toy model in a folder, made to be killed: `toy-run FOLDER UPDATES`. It says "half" in the
 * middle of every write of a checkpoint, when half a file is on the disk, and waits there for a moment.
 */
const [folder, updates] = process.argv.slice(2)

const slow: Storage = {
  async writeTensors(path, tensors) {
    await writeFile(path, new Uint8Array(100_000).fill(7))
    process.stdout.write('half\n')
    await setTimeout(5)
    await disk.writeTensors(path, tensors)
  },
  async writeText(path, text) {
    await writeFile(path, text.slice(0, text.length / 2))
    process.stdout.write('half\n')
    await setTimeout(5)
    await disk.writeText(path, text)
  },
}

await train({
  step: toyStep(20_000),
  data: (state) => toyStream(state),
  validation: () => [toyStream({ batch: 0, random: 99 }).next()],
  schedule: { schedule: 'cosine', learningRate: 0.1, warmup: 10 },
  budget: { updates: Number(updates) },
  evaluateEvery: 15,
  checkpointEvery: 7,
  checkpoints: new Checkpoints(join(folder, 'checkpoints'), { storage: slow }),
  curve: new Curve(join(folder, 'curve.csv')),
  identity: { toy: 20_000 },
  resume: true,
})
