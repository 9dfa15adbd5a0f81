import type { Answer } from '../training/index.ts'
import { bytes, count, duration, progressLine, remark, short } from './terminal.ts'

/** Without a terminal: how often a line is printed. */
const quietSeconds = 30

/** Tells on stderr how a collection of `total` more prompts goes, beside `before` answers that `file` held at first. */
export function collectReport(total: number, before: number, file: { readonly length: number }) {
  const line = progressLine()
  const started = performance.now()
  let printed = started
  let [asked, answers, tokens, unfit] = [0, 0, 0, 0]

  const describe = (seconds: number): string => {
    const left = asked < total ? `, ${duration((seconds / asked) * (total - asked))} left` : ''
    const all = before + answers
    const size = all === 0 ? 0 : (file.length / all) * (all + (total - asked) * (answers / asked))
    return (
      `${count(all)} answers, ${count(total - asked)} to go, ${short(tokens / seconds)} tokens/s${left}, ` +
      `${bytes(file.length)} of about ${bytes(Math.round(size))}`
    )
  }
  return {
    /** Counts one prompt, with its answer if there is one. */
    asked(answer: Answer | undefined): void {
      asked++
      if (answer === undefined) unfit++
      else {
        answers++
        tokens += answer.tokens
      }
      const now = performance.now()
      const text = describe((now - started) / 1000)
      line.show(text)
      if (process.stderr.isTTY || now - printed < 1000 * quietSeconds) return
      remark(text)
      printed = now
    },
    /** Prompts of this run that left no room for an answer. */
    get unfit(): number {
      return unfit
    },
    clear: () => line.clear(),
  }
}
