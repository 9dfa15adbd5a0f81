import type { BenchReport } from '../../bench/index.ts'
import { bytes, count, markdownTable, table } from '../terminal.ts'
import { legend, memoryTable, remarksOf, sectionsOf, speedupTable, taskTable } from './tables.ts'

/** What was measured on what, in two lines. */
export function headOf({ machine, model, settings }: BenchReport): string[] {
  const { prompts, rounds, maxTokens, rule, seed, sharedNoise, strict } = settings
  const how = [
    `acceptance by ${rule}${rule === 'typical-lossy' ? ' (not lossless)' : ''}`,
    `seed ${seed}`,
    ...(sharedNoise ? [] : ['noise not shared']),
    ...(strict > 0 ? [`strict ${strict}`] : []),
  ].join(', ')
  return [
    `${model.folder} (${model.architecture}, ${count(model.parameters)} parameters), ${prompts} prompts of ` +
      `${settings.suites.join(', ')}, ${rounds} rounds, up to ${count(maxTokens)} tokens, ${how}`,
    `${machine.processor}, ${machine.threads} of ${machine.processors} processors, ${bytes(machine.memoryBytes)}, ` +
      `${machine.system}, Node ${machine.node}, ${machine.executor}`,
  ]
}

/** The tables for a terminal. */
export function renderBench(report: BenchReport): string {
  const sections = sectionsOf(report).map(
    (section) => `${section.title}\n${table(speedupTable(section))}\nspeedup by task\n${table(taskTable(section))}`,
  )
  const remarks = remarksOf(report).map((remark) => `${remark}\n`)
  return `${[`${headOf(report).join('\n')}\n`, ...sections, table(memoryTable(report)), ...(remarks.length > 0 ? [remarks.join('')] : [])].join('\n')}`
}

/** The same in Markdown. */
export function renderBenchMarkdown(report: BenchReport): string {
  const sections = sectionsOf(report).map(
    (section) =>
      `## ${section.title}\n\n${markdownTable(speedupTable(section))}\nSpeedup by task:\n\n${markdownTable(taskTable(section))}`,
  )
  const parts = [
    '# Speedups\n',
    `${headOf(report).join('.\n')}.\n`,
    `\`\`\`sh\n${report.settings.command}\n\`\`\`\n`,
    ...sections,
    `## Target\n\n${markdownTable(memoryTable(report))}`,
    remarksOf(report)
      .map((remark) => `- ${remark}\n`)
      .join(''),
    `${legend}\n`,
  ]
  return parts.filter((part) => part !== '').join('\n')
}
