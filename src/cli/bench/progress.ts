import type { CompareProgress } from '../../bench/index.ts'
import { count, duration, progressLine, remark } from '../terminal.ts'

/** Without a terminal: how often a line is printed. */
const quietSeconds = 60

/** Tells on stderr how far a measurement is, and how long it will take. */
export function benchProgress() {
  const line = progressLine()
  // Loading and warming up are left out of the reckoning: there is little of it.
  let measuring = 0
  let before = 0
  let printed = performance.now()
  return {
    update({ doing, done, total }: CompareProgress): void {
      const now = performance.now()
      if (doing.startsWith('measuring')) measuring += done > 0 ? now - before : 0
      before = now
      const left = done > 0 ? `, ${duration((measuring / done / 1000) * (total - done))} left` : ''
      const text = `${doing}: ${count(done)} of ${count(total)} prompts and rounds${left}`
      line.show(text)
      if (process.stderr.isTTY || now - printed < 1000 * quietSeconds) return
      remark(text)
      printed = now
    },
    clear: line.clear,
  }
}
