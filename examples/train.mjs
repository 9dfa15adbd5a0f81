// Makes a tiny dataset, trains a tiny model on it, and asks the model what it has learned. Takes some seconds.
//
//   node examples/train.mjs [FOLDER]
//
// Everything is kept in FOLDER where one is given: the packed data, the run with its curve, and the model.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel } from 'paceline'
import { packDataset, trainLanguageModel } from 'paceline/train'

const [given] = process.argv.slice(2)
const folder = given ?? (await mkdtemp(join(tmpdir(), 'paceline-')))
await mkdir(folder, { recursive: true })
const at = (/** @type {string} */ name) => join(folder, name)
try {
  // What is to be learned: the word asked for, three times.
  const words = ['red', 'green', 'blue', 'white']
  const lines = Array.from({ length: 400 }, (_, i) => {
    const word = words[i % words.length]
    return JSON.stringify({ prompt: `Say ${word} ${i}`, response: `${word} ${word} ${word}` })
  })
  await writeFile(at('text.jsonl'), `${lines.join('\n')}\n`)
  const { splits } = await packDataset({ files: [at('text.jsonl')], folder: at('data'), vocabulary: 300, force: true })
  console.log(`${splits.train[0].tokens} tokens to train on`)

  const shape = { hiddenSize: 48, layerCount: 2, headCount: 2, kvHeadCount: 1, intermediateSize: 96 }
  const { model, state } = await trainLanguageModel({
    data: at('data'),
    out: at('run'),
    from: { ...shape, contextLength: 64, tiedEmbeddings: true },
    sequences: 4,
    length: 64,
    schedule: { learningRate: 0.01, warmup: 5 },
    budget: { updates: 80 },
    evaluateEvery: 40,
    resume: true, // Ended at any moment and started again, it goes on where it was.
    reporter: {
      progress: ({ update, validationLoss }) => {
        if (validationLoss !== null) console.log(`update ${update}: validation loss ${validationLoss.toFixed(3)}`)
      },
    },
  })
  if (model === null) throw new Error('interrupted')
  console.log(`${model}: trained on ${state.tokens} tokens`)

  const trained = await loadModel(model)
  const { text } = await trained.generate([{ role: 'user', content: 'Say blue 2' }], { maxTokens: 20 }).result()
  console.log(`Say blue 2 -> ${text}`)
  await trained.dispose()
} finally {
  if (given === undefined) await rm(folder, { recursive: true })
}
