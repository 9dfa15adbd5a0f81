#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { PacelineError } from '../errors.ts'
import { addAccuracy } from './accuracy.ts'
import { addBench } from './bench/bench.ts'
import { addCollect } from './collect/collect.ts'
import { addData } from './data.ts'
import { addEvaluate } from './evaluate/evaluate.ts'
import { addExport } from './export.ts'
import { addGenerate } from './generate.ts'
import { addInspect } from './inspect.ts'
import { addProfile } from './profile/profile.ts'
import { oneLine } from './terminal.ts'
import { addTokenizer } from './tokenizer.ts'
import { addTrain } from './train/train.ts'
import { addVerify } from './verify/verify.ts'

/*
 * The command `paceline`. Exit codes: 0, 2 for arguments that are wrong, 1 for anything else that fails; 128 and the
 * signal's number where a signal ended it.
 */

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

const program = new Command('paceline')
  .description('Runs a language model faster and changes no word: drafters guess ahead, the model checks every guess.')
  .version(version, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand('help [command]', 'print the help of a command')
  .option('--debug', 'print the stack of an error (also: PACELINE_DEBUG=1)')
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ outputError: (text, write) => write(`paceline: ${oneLine(text.replace(/^error: /, ''))}\n`) })
  .exitOverride()
addGenerate(program)
addInspect(program)
addProfile(program)
addBench(program)
addVerify(program)
addAccuracy(program)
addEvaluate(program)
addTrain(program)
addExport(program)
addData(program)
addCollect(program)
addTokenizer(program)
program.addHelpText(
  'after',
  `
Examples:
  $ paceline inspect ./model                       what is in a model folder, what a token will cost here
  $ paceline generate ./model "Once upon a time"   write on
  $ paceline profile --model ./model               time passes of 1 to 32 rows on this machine
  $ paceline bench ./model --drafters prompt-lookup       how much faster, and whether it is the same text
  $ paceline verify ./model                        whether drafters leave its text as it is
  $ paceline data --input text.jsonl --out runs/data    pack text for training
  $ paceline train lm --data runs/data --out runs/a --minutes 60    train a model on it
  $ paceline evaluate ./model --data runs/data    what it predicts, against counting words

Each command explains itself: paceline generate --help`,
)

// A reader that has seen enough, such as head, closes the pipe: no error. Anything else (a full disk) is one.
process.stdout.once('error', (error: NodeJS.ErrnoException) => {
  process.stdout.on('error', () => {})
  if (error.code !== 'EPIPE') process.exitCode = report(error)
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

/** Tells the user what went wrong and returns the exit code. Commander has printed its own errors already. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  const debug = program.opts().debug || process.env.PACELINE_DEBUG === '1'
  process.stderr.write(`paceline: ${oneLine(message)}\n${debug && stack ? `${stack}\n` : ''}`)
  return PacelineError.isInstance(error) && error.code === 'argument' ? 2 : 1
}
