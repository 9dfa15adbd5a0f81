import { setImmediate } from 'node:timers/promises'

/**
 * Lets the process hear its signals: passes of an executor may never leave the thread, and what only awaits them never
 * does. Throws the signal's reason.
 */
export async function breathe(signal?: AbortSignal): Promise<void> {
  await setImmediate()
  signal?.throwIfAborted()
}
