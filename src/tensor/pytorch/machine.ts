import { quote } from '../safetensors/json-reader.ts'
import { Cursor, type Fail } from './cursor.ts'
import { kindOf, PickleDict, type PickleValue } from './values.ts'

/**
 * The state of a pickle machine: a stack of values, marks in it, and a memo of values by number. It grows with the bytes
 * read, by a small factor at most, and refuses to grow without end.
 */
export class Machine {
  readonly cursor: Cursor
  readonly fail: Fail
  readonly #stack: PickleValue[] = []
  /** Heights of the stack: what lies below the last one cannot be taken. */
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PickleValue>()
  #collections = 0

  constructor(bytes: Uint8Array, fail: Fail) {
    this.cursor = new Cursor(bytes, fail)
    this.fail = fail
  }

  push(value: PickleValue): void {
    if (this.#stack.length >= maxStack) this.fail('unsupported', `stacks more than ${maxStack} values`)
    this.#stack.push(value)
  }

  pop(): PickleValue {
    this.#require(1)
    return this.#stack.pop()!
  }

  top(): PickleValue {
    this.#require(1)
    return this.#stack[this.#stack.length - 1]
  }

  /** Takes the last `count` values, in the order in which they were pushed. */
  take(count: number): PickleValue[] {
    this.#require(count)
    return this.#stack.splice(this.#stack.length - count, count)
  }

  mark(): void {
    if (this.#marks.length >= maxStack) this.fail('unsupported', `stacks more than ${maxStack} marks`)
    this.#marks.push(this.#stack.length)
  }

  /** Takes the values since the last mark, and the mark. */
  takeMarked(): PickleValue[] {
    const height = this.#marks.pop() ?? this.fail('format', 'takes the values since a mark where there is none')
    return this.#stack.splice(height)
  }

  pushTuple(items: readonly PickleValue[]): void {
    this.#count()
    this.push(items)
  }

  pushDict(dict: PickleDict): void {
    this.#count()
    this.push(dict)
  }

  topDict(): PickleDict {
    const top = this.top()
    return top instanceof PickleDict ? top : this.fail('unsupported', `sets an item of ${kindOf(top)}`)
  }

  /** `items`: keys and values in turn. */
  setItems(items: readonly PickleValue[]): void {
    const { entries } = this.topDict()
    if (items.length % 2 !== 0) this.fail('format', 'has a key without a value')
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]
      if (typeof key === 'string') entries.set(key, items[i + 1])
      else this.fail('unsupported', `has ${kindOf(key)} as the key of a dictionary`)
    }
  }

  put(index: number): void {
    this.#memo.set(index, this.top())
  }

  get(index: number): PickleValue {
    return this.#memo.get(index) ?? this.#nothingAt(index)
  }

  /** The value that the pickle stands for. */
  result(): PickleValue {
    const value = this.pop()
    if (this.#stack.length > 0 || this.#marks.length > 0) this.fail('format', 'ends with values that nothing has taken')
    if (this.cursor.left > 0) this.fail('format', `goes on for ${this.cursor.left} bytes after its end`)
    return value
  }

  #nothingAt(index: number): null {
    return this.#memo.has(index)
      ? null
      : this.fail('format', `refers to value ${quote(String(index))}, which is not there`)
  }

  #require(count: number): void {
    if (this.#stack.length - (this.#marks[this.#marks.length - 1] ?? 0) < count)
      this.fail('format', 'takes a value where there is none')
  }

  #count(): void {
    if (++this.#collections > maxCollections)
      this.fail('unsupported', `makes more than ${maxCollections} tuples and dictionaries`)
  }
}

/** Python stacks the items of a dictionary a thousand at a time. */
const maxStack = 2 ** 16

/** A tensor takes some seven. An empty dictionary is one byte in the file and some two hundred in memory. */
const maxCollections = 2 ** 18
