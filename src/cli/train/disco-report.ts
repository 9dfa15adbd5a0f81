import type { MakeLogReporter, TrainedDisco } from '../../training/index.ts'
import { count, duration, percent, progressLine, remark, short, table } from '../terminal.ts'

/** Without a terminal: how often a line is printed. */
const quietSeconds = 30

/** Tells on stderr how the logging of texts goes. */
export function discoProgress(): Required<MakeLogReporter> & { clear(): void } {
  const line = progressLine()
  let [toAsk, started, printed] = [0, 0, 0]
  let [asked, texts, guesses] = [0, 0, 0]
  return {
    loading: (share) => line.update('loading', share),
    started(prompts) {
      toAsk = prompts
      started = printed = performance.now()
    },
    asked(text) {
      asked++
      if (text !== undefined) {
        texts++
        guesses += text.steps.reduce((sum, step) => sum + step.guesses.length, 0)
      }
      const now = performance.now()
      const left = ((now - started) / 1000 / asked) * (toAsk - asked)
      const said = `${count(texts)} of ${count(toAsk)} texts, ${count(guesses)} guesses, ${duration(left)} left`
      line.show(said)
      if (process.stderr.isTTY || now - printed < 1000 * quietSeconds) return
      remark(said)
      printed = now
    },
    clear() {
      line.clear()
      if (texts < asked) remark(`${count(asked - texts)} prompts left no room in the context and have no text`)
    },
  }
}

/** What was learned, and what it would have made of the texts held out. */
export function renderDisco(out: string, { file, examples, quality, replays }: TrainedDisco): string {
  const rows = replays.map(([name, { forwards, drafts, tau, D, v, S }]) => [
    name,
    ...[forwards, drafts].map(count),
    ...[tau, D, v, S].map((value) => value.toFixed(2)),
  ])
  return (
    `${out}: goes on from a chance of ${short(file.threshold)}, to ${count(file.maxGuesses)} guesses\n` +
    `learned from ${count(examples.train)} guesses; of ${count(examples.validation)} held out ` +
    `${percent(quality.accepted)} were accepted, AUC ${short(quality.auc)}, accuracy ${percent(quality.accuracy)}, ` +
    `calibration error ${short(quality.calibrationError)}\n` +
    table([['replayed on texts held out', 'forwards', 'drafts', 'tau', 'D', 'v', 'S'], ...rows])
  )
}
