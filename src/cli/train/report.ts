import type { Progress, Reporter } from '../../training/index.ts'
import { count, duration, percent, progressLine, remark, short } from '../terminal.ts'

/** Without a terminal: how often a line is printed. */
const quietSeconds = 30

/** Tells on stderr how a training goes: one line that is written over, and a line that stays per evaluation. */
export function trainingReport(): Reporter & { clear(): void } {
  const line = progressLine()
  let printed = Number.NEGATIVE_INFINITY
  const keep = (text: string) => {
    line.clear()
    remark(text)
    printed = performance.now()
  }
  return {
    progress(progress) {
      line.show(describe(progress))
      const { validationLoss, best, update } = progress
      if (validationLoss !== null)
        keep(
          `${describe(progress)}, validation ${validationLoss.toFixed(4)}${parts(progress.validationMetrics)}${best?.update === update ? ', the best' : ''}`,
        )
      else if (!process.stderr.isTTY && performance.now() - printed > 1000 * quietSeconds) keep(describe(progress))
    },
    evaluating: (share) => line.update('evaluating', share),
    remark: keep,
    clear: () => line.clear(),
  }
}

function describe({ share, update, smoothedLoss, learningRate, gradientNorm, ...progress }: Progress): string {
  const left = progress.secondsLeft === null || share >= 1 ? '' : `, ${duration(progress.secondsLeft)} left`
  return (
    `${percent(share)}  update ${count(update)}, loss ${smoothedLoss.toFixed(4)}${parts(progress.metrics)}, rate ${learningRate.toExponential(2)}, ` +
    `gradient ${short(gradientNorm)}, ${count(Math.round(progress.tokensPerSecond))} tokens/s${left}`
  )
}

/** What a loss is made of, in brackets. */
function parts(metrics: Readonly<Record<string, number>> = {}): string {
  const all = Object.entries(metrics).map(([name, mean]) => `${name} ${mean.toFixed(4)}`)
  return all.length === 0 ? '' : ` (${all.join(', ')})`
}
