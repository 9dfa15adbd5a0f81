import { describe, expect, test } from 'vitest'
import { rejection } from '../rejection.ts'
import { verify } from '../verify.ts'
import { show } from './fraction.ts'
import { rejectionScenarios, targetDrawScenarios } from './scenarios.ts'

describe('rejection writes the law of the target, to the last digit', () => {
  test.each(rejectionScenarios)('$name', ({ distance }) => {
    expect(show(distance(rejection))).toBe('0')
  })
})

describe('target draw writes the law of the target, to the last digit', () => {
  test.each(targetDrawScenarios)('$name', ({ distance }) => {
    expect(show(distance(verify))).toBe('0')
  })
})
