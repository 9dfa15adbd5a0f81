import type { Command } from 'commander'

/** The first flag of `wanted` that one of `sources` gave: "--width". */
export function flagGiven(
  command: Command,
  wanted: readonly string[],
  sources: readonly (string | undefined)[] = ['cli'],
): string | undefined {
  const given = ({ name }: { name: string }) => sources.includes(command.getOptionValueSource(name))
  return command.options
    .map((option) => ({ name: option.attributeName(), flag: option.long! }))
    .find((option) => wanted.includes(option.name) && given(option))?.flag
}

/** The command line as one would type it. */
export function commandLine(args: readonly string[] = process.argv.slice(2)): string {
  return ['paceline', ...args]
    .map((arg) => (/^[\w./:=,@%+-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`))
    .join(' ')
}
