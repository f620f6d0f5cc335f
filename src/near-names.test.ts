import { expect, test } from 'vitest'
import { didYouMean, nearNames } from './near-names.ts'

const flags = ['target', 'threads', 'rule', 'recipe', 'report', 'max-memory', 'shard-size', 'seed']

test('finds one letter wrong, missing, doubled and swapped', () => {
  expect(nearNames('tharget', flags)).toEqual(['target'])
  expect(nearNames('repotr', flags)[0]).toBe('report')
  expect(nearNames('sed', flags)).toEqual(['seed'])
  expect(nearNames('rulee', flags)).toEqual(['rule'])
})

test('finds by containment and ignores case', () => {
  expect(nearNames('shard', flags)).toContain('shard-size')
  expect(nearNames('REPORT', flags)[0]).toBe('report')
})

test('gives nothing for something else, and stops at the limit', () => {
  expect(nearNames('zzzzzz', flags)).toEqual([])
  expect(nearNames('', flags)).toEqual([])
  expect(nearNames('aaa', ['aab', 'aac', 'aad', 'aae'], 2)).toHaveLength(2)
})

test('says it as one question', () => {
  expect(didYouMean('repotr', flags)).toBe('did you mean "report"?')
  expect(didYouMean('aaa', ['aab', 'aac'])).toBe('did you mean "aab" or "aac"?')
  expect(didYouMean('zzzzzz', flags)).toBeUndefined()
})

test('long hostile input stays cheap', () => {
  expect(nearNames('x'.repeat(1_000_000), flags)).toEqual([])
})
