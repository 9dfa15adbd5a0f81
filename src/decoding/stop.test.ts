import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PacelineError } from '../errors.ts'
import { createStopMatcher } from './stop.ts'

/** The rule read literally: the shortest head of the text that ends with a stop string, and the longest such. */
function naive(text: string, stops: string[]): { text: string; matched?: string } {
  for (let end = 1; end <= text.length; end++) {
    const matches = stops.filter((stop) => text.slice(0, end).endsWith(stop))
    const matched = matches.sort((a, b) => b.length - a.length)[0]
    if (matched !== undefined) return { text: text.slice(0, end - matched.length), matched }
  }
  return { text }
}

function run(chunks: string[], stops: string[]): { text: string; matched?: string } {
  const matcher = createStopMatcher(stops)
  let text = ''
  for (const chunk of chunks) {
    const check = matcher.push(chunk)
    text += check.text
    expect(check.stopped).toBe(check.matched !== undefined)
    if (check.stopped) {
      expect(matcher.push('more')).toEqual({ text: '', stopped: true, matched: check.matched })
      expect(matcher.flush()).toBe('')
      return { text, matched: check.matched! }
    }
  }
  return { text: text + matcher.flush() }
}

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 })

describe('stop matcher', () => {
  it('finds what a search of the whole text finds, however the text is cut', () => {
    const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 5 }), {
      maxLength: 4,
    })
    fc.assert(
      fc.property(fc.array(letters), stops, (chunks, stops) => {
        expect(run(chunks, stops)).toEqual(naive(chunks.join(''), stops))
      }),
      { seed: 1, numRuns: 2000 },
    )
  })

  it('holds back exactly the longest tail that may become a stop string', () => {
    const matcher = createStopMatcher(['\n\nUser:', 'nn'])
    expect(matcher.push('Hello\n')).toEqual({ text: 'Hello', stopped: false })
    expect(matcher.push('\n')).toEqual({ text: '', stopped: false })
    expect(matcher.push('\nUs')).toEqual({ text: '\n', stopped: false })
    expect(matcher.push('ual')).toEqual({ text: '\n\nUsual', stopped: false })
    expect(matcher.push('n')).toEqual({ text: '', stopped: false })
    expect(matcher.flush()).toBe('n')
  })

  it('takes the stop string that is complete first, and of two that end together the longer', () => {
    expect(run(['xabcd'], ['abcd', 'bc'])).toEqual({ text: 'xa', matched: 'bc' })
    expect(run(['xabcd'], ['c', 'abc'])).toEqual({ text: 'x', matched: 'abc' })
  })

  it('finds a stop string that starts inside a failed attempt at itself', () => {
    expect(run(['aa', 'ab'], ['aab'])).toEqual({ text: 'a', matched: 'aab' })
  })

  it('lets everything through at once without stop strings', () => {
    expect(createStopMatcher([]).push('text')).toEqual({ text: 'text', stopped: false })
  })

  it('refuses an empty stop string', () => {
    expect(() => createStopMatcher(['ok', ''])).toThrow(PacelineError)
    expect(() => createStopMatcher(['ok', ''])).toThrow(/stop\[1\]/)
  })
})
