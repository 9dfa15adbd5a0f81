import { philox4x32 } from '../../decoding/index.ts'
import { PacelineError } from '../../errors.ts'
import type { PackedSplit, TokenDataset } from './dataset.ts'

/**
 * The documents of an epoch in a random order that follows from seed and epoch alone. `rates[task]`: how many times an
 * epoch sees each document of a task; 0.5 sees one half, the next epoch the other, 2.5 sees each two or three times.
 */
export function epochOrder(split: PackedSplit, rates: readonly number[], seed: number, epoch: number): Uint32Array {
  const byTask: number[][] = rates.map(() => [])
  for (const [document, task] of split.tasks.entries()) byTask[task].push(document)
  const chosen: number[] = []
  for (const [task, documents] of byTask.entries()) {
    // All documents of the task again and again, each time in another order, form one line; an epoch takes a stretch.
    const share = rates[task] * documents.length
    const from = Math.round(epoch * share)
    const end = Math.round((epoch + 1) * share)
    for (let at = from; at < end; ) {
      const pass = Math.floor(at / documents.length)
      const line = shuffled(documents, seed, pass, 1 + task)
      const until = Math.min(end, (pass + 1) * documents.length)
      for (; at < until; at++) chosen.push(line[at - pass * documents.length])
    }
  }
  return shuffled(chosen, seed, epoch, 0)
}

/** A permutation that depends on the three numbers alone. Fisher-Yates. */
export function shuffled(values: ArrayLike<number>, seed: number, a: number, b: number): Uint32Array {
  const order = Uint32Array.from(values)
  const random = new Uint32Array(4)
  for (let i = order.length - 1; i > 0; i--) {
    philox4x32(random, i, a, b, 0, seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0)
    const j = Math.floor((random[0] / 2 ** 32) * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

/**
 * Rates that make small tasks larger: a task of n tokens gets a share of the epoch proportional to n^exponent, 1 being the
 * data as it is and 0 all tasks alike. The epoch stays as long as the data.
 * Raffel et al., "Exploring the Limits of Transfer Learning", JMLR 2020, section 3.5.2 (exponent is 1/T there).
 */
export function temperatureRates(dataset: TokenDataset, exponent: number): Record<string, number> {
  const amounts = dataset.info.splits.train
  const all = dataset.total('train').tokens
  const powers = amounts.map(({ tokens }) => (tokens === 0 ? 0 : tokens ** exponent))
  const sum = powers.reduce((whole, power) => whole + power, 0)
  return Object.fromEntries(
    dataset.info.tasks.map((task, i) => [
      task,
      amounts[i].tokens === 0 ? 0 : ((powers[i] / sum) * all) / amounts[i].tokens,
    ]),
  )
}

/** Rates by index of task. Throws code `argument` for a task that is not there or a rate that is none. */
export function ratesOf(tasks: readonly string[], rates: Readonly<Record<string, number>>): number[] {
  for (const [task, rate] of Object.entries(rates)) {
    if (!tasks.includes(task))
      throw new PacelineError('argument', `taskRates: there is no task "${task}", expected ${tasks.join(', ')}.`)
    if (!(rate >= 0 && rate < 1e6))
      throw new PacelineError('argument', `taskRates: the rate of "${task}" is ${rate}, expected a number from 0 on.`)
  }
  return tasks.map((task) => rates[task] ?? 1)
}
