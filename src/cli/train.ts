import type { Command } from 'commander'
import { addTrainBita } from './train-bita.ts'
import { addTrainCllm } from './train-cllm.ts'
import { addTrainDisco } from './train-disco.ts'
import { addTrainEagle } from './train-eagle.ts'
import { addTrainLm } from './train-lm.ts'
import { addTrainMedusa } from './train-medusa.ts'

/** One line per method. */
const methods: readonly ((train: Command) => void)[] = [
  addTrainLm,
  addTrainDisco,
  addTrainEagle,
  addTrainMedusa,
  addTrainBita,
  addTrainCllm,
]

export function addTrain(program: Command): void {
  const train = program
    .command('train')
    .summary('train a model or a drafter')
    .description('Trains on this machine. A run can be ended at any moment and goes on where it was with --resume.')
  for (const add of methods) add(train)
}
