/*
 * Fuzzes the safetensors reader: node dist/tensor/safetensors/fuzz.js [count] [seed]
 * Ends with exit code 1 when an input did anything but pass every check or be refused cleanly.
 */
import { fuzz } from './fuzz-run.ts'

const [count = 200_000, seed = 1] = process.argv.slice(2).map(Number)
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  console.error('usage: fuzz.js [count, 1 or more] [seed, a whole number]')
  process.exit(2)
}
const { accepted, refused, crashes } = await fuzz(count, seed, (done) => console.log(`${done} of ${count}`))
for (const crash of crashes) console.error(crash)
console.log(
  `${accepted + refused + crashes.length} inputs: ${accepted} accepted, ${refused} refused, ${crashes.length} crashes`,
)
process.exitCode = crashes.length > 0 ? 1 : 0
