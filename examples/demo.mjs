// Writes texts plainly and with guesses, and shows that they are the same and what the guesses bought. `npm start` runs it.
//
//   node examples/demo.mjs                         the demo model, a prompt of each task of bench/prompts
//   node examples/demo.mjs MODEL_FOLDER [PROMPT]   a model of your own
//
// --prompts FOLDER   the first line of each of its *.jsonl files, as conversations
// --tokens N         of a text, at most
// --pairs N          of runs, plain and with guesses, for each text
// --drafter NAME     who guesses: an EAGLE head where the model's folder has one in "eagle", else a draft model in "draft",
//                    else prompt lookup
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { draft, eagle2, loadModel, promptLookup } from 'paceline'
import { compare } from './compare.mjs'

/** @typedef {Awaited<ReturnType<typeof compare>>} Result */

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompts: { type: 'string' },
    tokens: { type: 'string', default: '96' },
    pairs: { type: 'string', default: '5' },
    drafter: { type: 'string' },
  },
})
for (const name of /** @type {const} */ (['tokens', 'pairs']))
  if (!(Number.isInteger(+options[name]) && +options[name] >= 1)) {
    console.error(`--${name} ${options[name]}: expected a whole number of at least 1.`)
    process.exit(1)
  }
const [folder = ofProject('models/demo'), text = 'Once upon a time'] = positionals
if (positionals.length === 0 && !existsSync(folder)) {
  console.error(`There is no ${folder}, the demo model: this copy of the project is not whole. In a clone, get it with
  git checkout -- ${folder}
or give a model of your own, a folder with config.json, tokenizer.json and *.safetensors:
  npm start path/to/model "Once upon a time"`)
  process.exit(1)
}
const own = positionals.length > 0 && options.prompts === undefined
const tasks = own
  ? [{ name: 'your text', text, prompt: text }]
  : firstQuestions(options.prompts ?? ofProject('bench/prompts'))

const drafter = options.drafter ?? best(folder)
const model = await loadModel(folder)
try {
  const { parameters, dtype, executor } = model.info
  console.log(`${folder}: ${(parameters / 1e6).toFixed(1)} M parameters, ${dtype}, on ${executor}. Drafter: ${drafter}`)
  const results = []
  for (const { name, text, prompt } of tasks) {
    const result = await compare(model, prompt, drafter, { maxTokens: +options.tokens, pairs: +options.pairs })
    show(name, text, result)
    results.push(result)
  }
  conclude(results)
} finally {
  await model.dispose()
}

/** @param {string} name @param {string} prompt @param {Result} result */
function show(name, prompt, { text, tokens, same, plainSpeed, draftedSpeed, speedup, range, tau, parts }) {
  const two = (/** @type {number} */ value) => value.toFixed(2)
  console.log(`\n--- ${name} ---\n${trimmed(prompt, 5).replace(/^/gm, '> ')}\n${trimmed(text, 8)}\n`)
  console.log(`  plain      ${Math.round(plainSpeed)} tokens/s`)
  console.log(
    `  drafted    ${Math.round(draftedSpeed)} tokens/s, ${two(speedup)} times as fast (${range.map(two).join(' to ')})`,
  )
  if (parts) {
    const { D, v, h, S } = parts
    console.log(`  parts      S = tau / (D + v + h) = ${two(tau)} / (${two(D)} + ${two(v)} + ${two(h)}) = ${two(S)}`)
  }
  console.log(`  tokens     ${same ? `${tokens}, the same` : 'NOT THE SAME'}`)
}

/** @param {readonly Result[]} results */
function conclude(results) {
  const time = (/** @type {'plainSpeed' | 'draftedSpeed'} */ speed) =>
    results.reduce((seconds, result) => seconds + result.tokens / result[speed], 0)
  const other = results.filter(({ same }) => !same).length
  console.log(`
All together ${(time('plainSpeed') / time('draftedSpeed')).toFixed(2)} times as fast; ${other === 0 ? 'the same tokens everywhere' : `OTHER TOKENS in ${other} of ${results.length} texts`}.

tau: tokens a step, plain decoding has 1. D, v, h: time a step spends on guesses, on the pass that checks them and on all
else; one is the time of a pass that checks none. Speeds are medians of ${options.pairs} pairs, without reading the prompt.`)
  if (other > 0) process.exitCode = 1
}

/** The first line of each file, as { "category", "turns": [text, ...] }. @param {string} folder */
function firstQuestions(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
  return files.sort().map((file) => {
    const { category, turns } = JSON.parse(readFileSync(join(folder, file), 'utf8').split('\n')[0])
    return { name: category, text: turns[0], prompt: [{ role: 'user', content: turns[0] }] }
  })
}

/** Who guesses well, of what there is. @param {string} folder */
function best(folder) {
  if (existsSync(join(folder, 'eagle'))) return eagle2()
  return existsSync(join(folder, 'draft')) ? draft() : promptLookup()
}

/** Some lines of a text; control characters would do anything to a terminal. @param {string} text @param {number} lines */
function trimmed(text, lines) {
  const clean = text.replace(/^\n+|\s+$/g, '').replace(/[^\P{Cc}\n\t]/gu, '\u{fffd}')
  const all = clean.split('\n').map((line) => (line.length > 160 ? `${line.slice(0, 157)}...` : line))
  return all.length > lines ? [...all.slice(0, lines), '...'].join('\n') : all.join('\n')
}

/** A path of this project, whatever the working directory. @param {string} path */
function ofProject(path) {
  return relative('.', fileURLToPath(new URL(`../${path}`, import.meta.url)))
}
