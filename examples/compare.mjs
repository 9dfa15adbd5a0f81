// Generates the same text twice, plainly and with guesses, and shows what the guesses bought.
//
//   node examples/compare.mjs [MODEL_FOLDER] [PROMPT]
//
// Without a folder it writes a model with random weights to a temporary one: gibberish, but every part is real.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel, none, promptLookup, writeRandomCheckpoint } from 'paceline'

const [givenFolder, prompt = 'Once upon a time'] = process.argv.slice(2)
const folder = givenFolder ?? (await mkdtemp(join(tmpdir(), 'paceline-')))
try {
  if (!givenFolder) {
    console.log('No model folder given: writing one with random weights. Its text is gibberish, its speed is real.')
    const shape = { hiddenSize: 512, intermediateSize: 1408, layerCount: 12, headCount: 8, kvHeadCount: 4, headDim: 64 }
    await writeRandomCheckpoint(folder, { ...shape, contextLength: 2048 }, 1)
  }
  const model = await loadModel(folder)
  try {
    const { parameters, dtype, executor } = model.info
    console.log(`${(parameters / 1e6).toFixed(1)} M parameters, ${dtype}, on ${executor}`)
    await compare(model)
  } finally {
    await model.dispose()
  }
} finally {
  if (!givenFolder) await rm(folder, { recursive: true })
}

/** @param {import('paceline').Model} model */
async function compare(model) {
  const maxTokens = Math.min(200, model.info.contextLength >> 1)
  const generate = (/** @type {string} */ drafter) =>
    model.generate(prompt, { drafter, maxTokens, ignoreEos: true }).result()

  /** @type {{ plain: import('paceline').GenerationResult, guessed: import('paceline').GenerationResult }[]} */
  const rounds = []
  await generate(none()) // warm-up
  for (let i = 0; i < 5; i++) rounds.push({ plain: await generate(none()), guessed: await generate(promptLookup()) })

  const { plain, guessed } = rounds[0]
  console.log(`\n${prompt}${guessed.text}\n`)
  const ratios = rounds
    .map((r) => r.guessed.stats.tokensPerSecond / r.plain.stats.tokensPerSecond)
    .sort((a, b) => a - b)
  console.log(`plain          ${plain.stats.forwards} passes for ${plain.ids.length} tokens`)
  console.log(
    `prompt-lookup  ${guessed.stats.forwards} passes, ${guessed.stats.acceptanceLength.toFixed(2)} tokens a pass`,
  )
  console.log(`same tokens    ${plain.ids.join() === guessed.ids.join() ? 'yes' : 'NO'}`)
  console.log(
    `speedup        ${ratios[2].toFixed(2)} (median of 5 pairs, ${ratios[0].toFixed(2)} to ${ratios[4].toFixed(2)})`,
  )
}
