import type { Command } from 'commander'
import { addTrainBita } from './bita.ts'
import { addTrainCllm } from './cllm.ts'
import { addTrainDisco } from './disco.ts'
import { addTrainEagle } from './eagle.ts'
import { addTrainLm } from './lm.ts'
import { addTrainMedusa } from './medusa.ts'

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
