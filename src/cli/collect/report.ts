import type { CollectReporter, NoAnswer, PromptPool } from '../../training/index.ts'
import { bytes, count, duration, progressLine, remark, short } from '../terminal.ts'

/** Without a terminal: how often a line is printed. */
const quietSeconds = 30

/** Tells on stderr how a collection goes, and at its end which prompts had no answer. */
export function collectReport(pool: PromptPool, chat: boolean): CollectReporter & { clear(): void } {
  const line = progressLine()
  let [before, toAsk, started, printed] = [0, 0, 0, 0]
  let [asked, answers, tokens] = [0, 0, 0]
  const without: Record<NoAnswer, number> = { 'no room': 0, repeats: 0, stopped: 0 }

  const describe = (seconds: number, size: number): string => {
    const [all, left] = [before + answers, toAsk - asked]
    const expected = all === 0 ? 0 : (size / all) * (all + left * (answers / asked))
    return (
      `${count(all)} answers, ${count(left)} to go, ${short(tokens / seconds)} tokens/s, ` +
      `${duration((seconds / asked) * left)} left, ${bytes(size)} of ~${bytes(Math.round(expected))}`
    )
  }
  return {
    started({ answered, toAsk: more, tasks }) {
      ;[before, toAsk] = [answered, more]
      started = printed = performance.now()
      remark(
        `${count(pool.prompts.length)} prompts of ${count(tasks)} ${tasks === 1 ? 'task' : 'tasks'}${leftOut(pool)}; ` +
          `${answered > 0 ? `${count(answered)} answered, ` : ''}${count(more)} to ask, ` +
          (chat ? "each as a user's turn" : 'each as plain text: the model has no chat template'),
      )
    },
    asked(answer, size) {
      asked++
      if (typeof answer === 'string') without[answer]++
      else {
        answers++
        tokens += answer.tokens
      }
      const now = performance.now()
      const text = describe((now - started) / 1000, size)
      line.show(text)
      if (process.stderr.isTTY || now - printed < 1000 * quietSeconds) return
      remark(text)
      printed = now
    },
    clear() {
      line.clear()
      const { 'no room': noRoom, repeats } = without
      if (noRoom > 0) remark(`${count(noRoom)} prompts left no room in the context and have no answer`)
      if (repeats > 0) remark(`${count(repeats)} answers repeated themselves and were dropped`)
    },
  }
}

function leftOut({ empty, duplicate }: PromptPool): string {
  const parts = [
    [empty, 'empty'],
    [duplicate, 'there twice'],
  ] as const
  const said = parts.filter(([n]) => n > 0).map(([n, why]) => `${count(n)} ${why}`)
  return said.length === 0 ? '' : `, left out: ${said.join(', ')}`
}
