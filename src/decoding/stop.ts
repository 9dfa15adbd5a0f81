import { PacelineError } from '../errors.ts'

/** What a stop matcher lets out for one piece of text. */
export interface StopCheck {
  /** Text that is certainly no part of a stop string; '' while everything is held back. */
  readonly text: string
  /** True from the push that completes a stop string on. */
  readonly stopped: boolean
  /** The stop string that was found. */
  readonly matched?: string
}

export interface StopMatcher {
  /** Takes the next piece of text, cut anywhere. After a stop it returns no more text. */
  push(text: string): StopCheck
  /** The text still held back, when generation ends without a stop string; '' after a stop. */
  flush(): string
}

/**
 * Finds stop strings in streamed text. The one that is complete first ends the text, and of several that are complete
 * at once the longest; so the result depends on the text alone, never on how it was cut into pieces, and no emitted
 * text contains a stop string or the beginning of the one found. Held back is only the longest tail that some stop
 * string begins with. Throws code `argument` for an empty stop string.
 */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  for (const [i, stop] of stops.entries())
    if (typeof stop !== 'string' || stop === '')
      throw new PacelineError('argument', `stop[${i}] must be a non-empty string, got ${JSON.stringify(stop)}`)
  const longest = Math.max(0, ...stops.map((stop) => stop.length))
  let held = ''
  let matched: string | undefined

  return {
    push(text) {
      if (matched !== undefined) return { text: '', stopped: true, matched }
      held += text
      let end = Infinity
      for (const stop of stops) {
        const start = held.indexOf(stop)
        const stopEnd = start < 0 ? Infinity : start + stop.length
        if (stopEnd < end || (stopEnd === end && stop.length > (matched?.length ?? Infinity))) {
          end = stopEnd
          matched = stop
        }
      }
      if (matched !== undefined) {
        const emitted = held.slice(0, end - matched.length)
        held = ''
        return { text: emitted, stopped: true, matched }
      }
      const safe = held.length - heldBack(held)
      const emitted = held.slice(0, safe)
      held = held.slice(safe)
      return { text: emitted, stopped: false }
    },

    flush() {
      const rest = held
      held = ''
      return rest
    },
  }

  /** The length of the longest tail of `text` that a stop string begins with. No stop string is inside `text`. */
  function heldBack(text: string): number {
    for (let length = Math.min(longest - 1, text.length); length > 0; length--) {
      const tail = text.slice(text.length - length)
      if (stops.some((stop) => stop.startsWith(tail))) return length
    }
    return 0
  }
}
