import { type Command, Option } from 'commander'
import { type StoredDType, storedDTypes } from '../checkpoint/index.ts'
import { exportTrained } from '../training/index.ts'
import { count, remark } from './terminal.ts'

interface Flags {
  readonly run: string
  readonly out: string
  readonly dtype: StoredDType
  readonly which: 'best' | 'last'
}

export function addExport(program: Command): void {
  program
    .command('export')
    .summary('make a model folder of a training run')
    .description('Writes what a training run has made, finished or not, as a folder in the published format.')
    .requiredOption('--run <folder>', 'the folder of the run')
    .requiredOption('--out <folder>', 'the folder to write')
    .addOption(new Option('--dtype <dtype>', 'how weights are stored').choices(storedDTypes).default('f16'))
    .addOption(
      new Option('--which <checkpoint>', 'that with the lowest validation loss, or the newest')
        .choices(['best', 'last'])
        .default('best'),
    )
    .action(async ({ run, out, dtype, which }: Flags) => {
      const { update, validationLoss } = await exportTrained(run, out, { dtype, which, onDamaged: remark })
      const loss = validationLoss === null ? '' : `, validation loss ${validationLoss.toFixed(4)}`
      process.stdout.write(`${out}: the model after update ${count(update)}${loss}\n`)
    })
}
