/** A flag that two threads see at once: a blocked thread reads no messages, but it can read this. */
export class SharedFlag {
  /** What crosses to the other thread; a flag made of it there is this one. */
  readonly buffer: SharedArrayBuffer
  readonly #cell: Int32Array

  constructor(buffer = new SharedArrayBuffer(4)) {
    this.buffer = buffer
    this.#cell = new Int32Array(buffer)
  }

  get raised(): boolean {
    return Atomics.load(this.#cell, 0) === 1
  }

  raise(): void {
    Atomics.store(this.#cell, 0, 1)
  }

  lower(): void {
    Atomics.store(this.#cell, 0, 0)
    Atomics.notify(this.#cell, 0)
  }

  /** Blocks until the flag is down, `timeoutMs` at most. */
  waitUntilLowered(timeoutMs: number): void {
    Atomics.wait(this.#cell, 0, 1, timeoutMs)
  }
}
