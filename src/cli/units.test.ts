import { expect, test } from 'vitest'
import { TersorError } from '../errors.ts'
import { parseBytes, parseCount, parseRatio } from './units.ts'

test.each([
  ['25MB', 25_000_000],
  ['25MiB', 25 * 1024 * 1024],
  ['25 mb', 25_000_000],
  ['1.5GB', 1_500_000_000],
  ['0.5KiB', 512],
  ['1900', 1900],
  ['7b', 7],
  ['2TB', 2e12],
])('%s is %d bytes', (text, bytes) => {
  expect(parseBytes(text, '--shard-size')).toBe(bytes)
})

test.each(['', 'MB', '-1MB', '0', '0.4', '1e3', '25XB', '25MBit', `${'9'.repeat(15)}TB`, 'Infinity', '1,5MB'])(
  '"%s" is no size',
  (text) => {
    expect(() => parseBytes(text, '--shard-size')).toThrowError(TersorError)
  },
)

test('ratios', () => {
  expect(parseRatio('1%', '--max-loss')).toBe(0.01)
  expect(parseRatio('0.5', '--max-loss')).toBe(0.5)
  expect(parseRatio('.5', '--max-loss')).toBe(0.5)
  expect(parseRatio('98.5%', '--min-agreement')).toBeCloseTo(0.985, 12)
  for (const text of ['', '%', '-1', '1 %', 'half', 'NaN', '0x1'])
    expect(() => parseRatio(text, '--max-loss')).toThrowError(/expects a number/)
})

test('counts', () => {
  expect(parseCount('4', '--threads')).toBe(4)
  expect(parseCount('0', '--seed', 0)).toBe(0)
  for (const text of ['0', '-1', '1.5', '', '1e3', '99999999999'])
    expect(() => parseCount(text, '--threads')).toThrowError(/whole number/)
})

test('the error says flag, value and what to write', () => {
  try {
    parseBytes('25XB', '--shard-size')
    expect.unreachable()
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'E_USAGE', where: '--shard-size' })
    expect((thrown as TersorError).message).toContain('25XB')
    expect((thrown as TersorError).hint).toContain('25MiB')
  }
})
