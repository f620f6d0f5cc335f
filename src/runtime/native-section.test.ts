import { expect, test } from 'vitest'
import { close, enter, isInside, leave, nativeSection, waitUntilOutside } from './native-section.ts'

test('a thread goes in and out until it is closed', () => {
  const section = nativeSection()
  expect(enter(section)).toBe(true)
  expect(isInside(section)).toBe(true)
  leave(section)
  expect(isInside(section)).toBe(false)
  expect(close(section)).toBe(true)
  expect(enter(section)).toBe(false)
})

test('closing a thread that is inside waits for it, and it does not come back', () => {
  const section = nativeSection()
  enter(section)
  expect(close(section)).toBe(false)
  expect(isInside(section)).toBe(true)
  leave(section)
  waitUntilOutside(section)
  expect(isInside(section)).toBe(false)
  expect(enter(section)).toBe(false)
})
