/** A rule with one piece of its source replaced by a wrong one. */
export interface Mutant {
  readonly name: string
  readonly piece: string
  readonly instead: string
}

/** Where the mutant of a module is imported from: the test runner's configuration makes it. */
export function mutated(file: string, { piece, instead }: Omit<Mutant, 'name'>): string {
  return `${file}?instead=${Buffer.from(JSON.stringify([piece, instead])).toString('base64url')}`
}
