import type { Command } from 'commander'
import { convertSentencePiece } from '../checkpoint/index.ts'
import { count } from './terminal.ts'

export function addTokenizer(program: Command): void {
  program
    .command('tokenizer')
    .summary('make the tokenizer.json of a folder that has none')
    .description(
      'Writes the tokenizer.json of a model folder that has a SentencePiece tokenizer instead (tokenizer.model), as Llama 2, ' +
        'Vicuna and others were published.',
    )
    .argument('<model-folder>', 'the folder with tokenizer.model')
    .option('--force', 'replaces a tokenizer.json that is there')
    .action(async (folder: string, { force = false }: { readonly force?: boolean }) => {
      const { path, vocabSize } = await convertSentencePiece(folder, { replace: force })
      process.stdout.write(`${path}: ${count(vocabSize)} tokens\n`)
    })
}
