import {
  type Divergence,
  type SamplingTest,
  type TextComparison,
  testedRule,
  type VerifiedRule,
} from '../../bench/index.ts'
import type { Dtype } from '../../checkpoint/index.ts'
import { harmless, short, table } from '../terminal.ts'

/** What --json writes. */
export interface VerifyReport {
  readonly model: string
  readonly executor: string
  readonly rule: VerifiedRule
  /** The rule is exact, all differences are explained, and all tests of sampling passed. */
  readonly passed: boolean
  /** How far a logit of a pass of many rows was from that of a pass of one, at most. */
  readonly rowErrors: readonly { readonly dtype: Dtype; readonly error: number }[]
  /** Drafters that cannot be made for this model. */
  readonly skipped: readonly { readonly drafter: string; readonly reason: string }[]
  readonly results: readonly TextComparison[]
  readonly divergences: readonly Divergence[]
  readonly sampling: readonly (SamplingTest & { readonly passed: boolean })[]
}

/** Divergences shown at most; --json has them all. */
const shown = 20

/** The report for a terminal. `tokenOf`: the text of a token. */
export function renderVerification(report: VerifyReport, tokenOf: (id: number) => string): string {
  const { model, executor, rule, rowErrors, skipped } = report
  const errors = rowErrors.map(({ dtype, error }) => `${dtype} ${error === 0 ? '0 (bit for bit)' : short(error)}`)
  const parts = [
    `${model} (${executor}): texts of every drafter, rule ${rule}, against plain decoding`,
    table(comparisonRows(report.results)).trimEnd(),
    `A logit of a pass of many rows was from that of one row at most: ${errors.join(', ')}`,
    ...skipped.map(({ drafter, reason }) => `Skipped: ${drafter}: ${harmless(reason)}`),
  ]
  if (report.divergences.length > 0) parts.push(divergenceLines(report, tokenOf))
  if (report.sampling.length > 0)
    parts.push(
      `First tokens drawn with many seeds, rule ${testedRule(rule)}, temperature 1, against their distribution (G-test)`,
      table(samplingRows(report.sampling)).trimEnd(),
    )
  return `${[...parts, conclusion(report)].join('\n')}\n`
}

function comparisonRows(results: readonly TextComparison[]): string[][] {
  const head = ['drafter', 'dtype', 'strict', 'temperature', 'texts', 'identical', 'explained', 'unexplained', 'tau']
  const rows = results.map((result) => [
    result.drafter,
    result.dtype,
    result.strict === 0 ? '-' : short(result.strict),
    String(result.temperature),
    ...[result.prompts, result.identical, result.explained, result.unexplained].map(String),
    result.tau.toFixed(2),
  ])
  return [head, ...rows]
}

function divergenceLines({ divergences, rule }: VerifyReport, tokenOf: (id: number) => string): string {
  // Rounding explains none of what a lossy rule changes, nor has it to.
  const verdict = ({ explained, temperature }: Divergence) =>
    explained ? 'explained  ' : rule === 'typical-lossy' && temperature > 0 ? 'by the rule' : 'UNEXPLAINED'
  const name = (token: number | null) => (token === null ? 'nothing' : JSON.stringify(harmless(tokenOf(token))))
  // What is not explained first.
  const sorted = [...divergences].sort((a, b) => Number(a.explained) - Number(b.explained))
  const lines = sorted.slice(0, shown).map((found) => {
    const { drafter, dtype, strict, temperature, seed, prompt, position, plain, drafted, oneRow } = found
    const where = `${drafter}, ${dtype}${strict > 0 ? ', strict' : ''}${temperature > 0 ? `, seed ${seed}` : ''}`
    const what = `prompt ${prompt}, token ${position}: ${name(plain)} plainly, ${name(drafted)} with the drafter`
    const why = `margin ${short(found.margin)}, between the two ${short(found.gap)}, by one row ${name(oneRow)}`
    return `  ${verdict(found)}  ${where}: ${what}; ${why}`
  })
  const rest = divergences.length - lines.length
  return ['First differences:', ...lines, ...(rest > 0 ? [`  and ${rest} more, which --json lists`] : [])].join('\n')
}

function samplingRows(tests: VerifyReport['sampling']): string[][] {
  const head = ['drafter', 'dtype', 'prompt', 'token', 'drawn', 'samples', 'guessed', 'G', 'degrees', 'p', '']
  const rows = tests.map((test) => [
    ...[test.drafter, test.dtype, String(test.prompt), String(test.position)],
    test.tokens === 1 ? 'one' : 'two',
    ...[String(test.samples), String(test.guessed), short(test.statistic), String(test.degrees), short(test.p)],
    test.passed ? 'passed' : 'FAILED',
  ])
  return [head, ...rows]
}

function conclusion({ rule, results, sampling, passed }: VerifyReport): string {
  const total = (field: 'prompts' | 'explained' | 'unexplained', rows = results) =>
    rows.reduce((sum, row) => sum + row[field], 0)
  const failed = sampling.filter((test) => !test.passed).length
  const [greedy, sampled] = [true, false].map((is) => results.filter(({ temperature }) => (temperature === 0) === is))
  if (rule === 'typical-lossy' && total('unexplained', greedy) === 0)
    return (
      'NOT LOSSLESS, by design: typical-lossy accepts every guess that is likely enough. At temperature 1 ' +
      `${total('explained', sampled) + total('unexplained', sampled)} of ${total('prompts', sampled)} texts are not those of plain ` +
      `decoding, and ${failed} of ${sampling.length} tests of sampling failed.`
    )
  if (!passed)
    return `NOT LOSSLESS: ${total('unexplained')} of ${total('prompts')} texts differ without explanation, ${failed} of ${sampling.length} tests of sampling failed.`
  if (total('explained') === 0)
    return `Lossless: all ${total('prompts')} texts are those of plain decoding, token for token.`
  return (
    `Lossless up to rounding: ${total('explained')} of ${total('prompts')} texts differ, each where two tokens were nearer ` +
    'than this executor computes.' +
    (results.some(({ strict }) => strict > 0) ? '' : ' --strict decides such tokens by passes of one row.')
  )
}
