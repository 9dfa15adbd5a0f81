import type { AnswerTally, TrajectoryTally } from '../../training/index.ts'
import { count, percent, table } from '../terminal.ts'

/** How many answers there are by task, how long, and how they ended. */
export function renderAnswers(tally: AnswerTally): string {
  const rows = [...Object.entries(tally.byTask), ['all', tally.all] as const].map(([task, counts]) => [
    task,
    count(counts.answers),
    count(counts.tokens),
    counts.answers === 0 ? '-' : (counts.tokens / counts.answers).toFixed(1),
    counts.answers === 0 ? '-' : percent(counts.ended / counts.answers),
  ])
  return table([['task', 'answers', 'tokens', 'mean length', 'ended by themselves'], ...rows])
}

/** How fast Jacobi decoding solved their blocks, by task. */
export function renderConvergence(tally: TrajectoryTally): string {
  const rows = [...Object.keys(tally.answers.byTask), undefined].map((task) => {
    const { blocks, tokens, passes, stationary } = tally.convergence(task)
    const mean = (sum: number, of: number) => (of === 0 ? '-' : (sum / of).toFixed(2))
    return [
      task ?? 'all',
      count(blocks),
      mean(passes, blocks),
      mean(tokens, passes),
      mean(tokens - passes, blocks),
      mean(stationary, blocks),
    ]
  })
  const head = ['blocks', 'passes per block', 'tokens per pass', 'fast-forwarded per block', 'stationary per block']
  return table([['task', ...head], ...rows])
}
