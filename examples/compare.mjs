/**
 * Generates a text plainly and with a drafter, in turns, so that whatever else the machine does hits both alike.
 *
 * `request`: maxTokens, temperature, seed ... as `model.generate` takes them. One run of each warms up and is not counted.
 *
 * @param {Pick<import('paceline').Model, 'generate'>} model
 * @param {import('paceline').Prompt} prompt
 * @param {string} drafter
 * @param {import('paceline').GenerateOptions & { pairs?: number }} [request]
 */
export async function compare(model, prompt, drafter, { pairs = 3, ...request } = {}) {
  const run = (/** @type {string} */ drafter) =>
    model.generate(prompt, { ...request, drafter, measureSpeedup: true }).result()

  await run('none')
  await run(drafter)
  const rounds = []
  for (let i = 0; i < pairs; i++) rounds.push({ plain: await run('none'), drafted: await run(drafter) })

  const speed = (/** @type {import('paceline').GenerationResult} */ { stats }) => stats.tokensPerSecond
  const ratio = (/** @type {typeof rounds[0]} */ { plain, drafted }) => speed(drafted) / speed(plain)
  const middle = rounds.toSorted((a, b) => ratio(a) - ratio(b))[pairs >> 1]
  const ids = rounds[0].plain.ids.join()
  return {
    /** What was written: the same in all runs, unless `same` is false. */
    text: middle.drafted.text,
    tokens: middle.drafted.ids.length,
    /** Whether every run, with guesses or without, gave the same tokens. */
    same: rounds.every(({ plain, drafted }) => plain.ids.join() === ids && drafted.ids.join() === ids),
    /** Medians, in tokens per second. */
    plainSpeed: median(rounds.map(({ plain }) => speed(plain))),
    draftedSpeed: median(rounds.map(({ drafted }) => speed(drafted))),
    /** Median, lowest and highest ratio of the two in a pair. */
    speedup: median(rounds.map(ratio)),
    range: [Math.min(...rounds.map(ratio)), Math.max(...rounds.map(ratio))],
    /** S = tau / (D + v + h), of the pair in the middle; absent where a text fills the context. */
    parts: middle.drafted.stats.speedup,
    tau: middle.drafted.stats.acceptanceLength,
  }
}

/** @param {readonly number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}
