/**
 * A pull reader of JSON text: the caller asks for the value it expects and gets it, or `fail` is called with a sentence.
 * Stricter than `JSON.parse` in what that hides or loses: a key that appears twice in an object, a whole number that a
 * double cannot hold, a lone surrogate, nesting without end. It builds no tree, so memory is the caller's choice.
 */
export class JsonReader {
  /** The keys of the objects around the value being read, outermost first: for messages. */
  readonly path: string[] = []
  readonly #text: string
  /** Stops reading: throws what the constructor was told to throw. */
  readonly fail: (problem: string) => never
  #at = 0
  #depth = 0
  #keyCount = 0

  /** `fail` must throw. */
  constructor(text: string, fail: (problem: string) => never) {
    this.#text = text
    this.fail = fail
  }

  /** Reads an object. `member` is called after each key and must read its value. */
  object(member: (key: string) => void): void {
    this.#open('{', 'an object')
    const keys = new Set<string>()
    if (!this.#accept('}')) {
      do {
        const key = this.string()
        if (keys.has(key)) this.fail(`the key ${quote(key)} appears twice`)
        keys.add(key)
        if (++this.#keyCount > maxKeys) this.fail(`there are more than ${maxKeys} keys`)
        if (!this.#accept(':')) this.#unexpected('":"')
        this.path.push(key)
        member(key)
        this.path.pop()
      } while (this.#accept(','))
      if (!this.#accept('}')) this.#unexpected('"," or "}"')
    }
    this.#depth--
  }

  /** Reads an array. `item` is called at each item and must read it. */
  array(item: (index: number) => void): void {
    this.#open('[', 'an array')
    if (!this.#accept(']')) {
      let index = 0
      do item(index++)
      while (this.#accept(','))
      if (!this.#accept(']')) this.#unexpected('"," or "]"')
    }
    this.#depth--
  }

  string(): string {
    if (!this.#accept('"')) this.#unexpected('a string')
    const start = this.#at
    let escaped = false
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at++)
      if (unit === 0x22) break
      if (unit === 0x5c) {
        escaped = true
        this.#at++
      } else if (!(unit >= 0x20)) this.fail('a string is not closed, or holds a control character') // NaN: the end
    }
    if (!escaped) return this.#text.slice(start, this.#at - 1)
    const text = this.#unescape(this.#text.slice(start - 1, this.#at))
    if (/\p{Surrogate}/u.test(text)) this.fail(`a string holds half of a surrogate pair: ${quote(text)}`)
    return text
  }

  /** Reads a whole number from 0 to 2^53 - 1, written without sign, fraction or exponent. */
  wholeNumber(): number {
    this.#skipSpace()
    const [digits] = /^\d*/.exec(this.#text.slice(this.#at, this.#at + 17))!
    const value = Number(digits)
    const next = this.#text.charAt(this.#at + digits.length)
    if (!/^(0|[1-9]\d*)$/.test(digits) || !Number.isSafeInteger(value) || /[.\deE]/.test(next))
      this.#unexpected('a whole number from 0 to 2^53 - 1')
    this.#at += digits.length
    return value
  }

  /** Reads any value and forgets it. */
  skip(): void {
    this.#skipSpace()
    const first = this.#text.charAt(this.#at)
    if (first === '{') this.object(() => this.skip())
    else if (first === '[') this.array(() => this.skip())
    else if (first === '"') this.string()
    else {
      const [word] = /^[-+.\w]*/.exec(this.#text.slice(this.#at, this.#at + 64))!
      if (!/^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?)$/.test(word) || word.length === 64)
        this.#unexpected('a value')
      this.#at += word.length
    }
  }

  /** Checks that only white space is left. */
  end(): void {
    this.#skipSpace()
    if (this.#at < this.#text.length) this.#unexpected('the end')
  }

  #open(bracket: string, what: string): void {
    if (!this.#accept(bracket)) this.#unexpected(what)
    if (++this.#depth > maxDepth) this.fail(`values are nested deeper than ${maxDepth} levels`)
  }

  #accept(char: string): boolean {
    this.#skipSpace()
    if (this.#text.charAt(this.#at) !== char) return false
    this.#at++
    return true
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at)
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return
      this.#at++
    }
  }

  #unescape(literal: string): string {
    try {
      return JSON.parse(literal)
    } catch {
      return this.fail(`${quote(literal)} is not a JSON string`)
    }
  }

  #unexpected(expected: string): never {
    const rest = this.#text.slice(this.#at, this.#at + 24)
    return this.fail(
      `expected ${expected}, got ${rest === '' ? 'the end' : JSON.stringify(rest)} at character ${this.#at}`,
    )
  }
}

const maxDepth = 64

/** A hundred megabytes of tiny keys would take gigabytes as strings; the largest models need half a million. */
const maxKeys = 2_000_000

/** A name from a file, in quotes and escaped for a message, cut when it is absurdly long. */
export function quote(name: string): string {
  return JSON.stringify(name.length <= 200 ? name : `${name.slice(0, 200)}...`)
}
