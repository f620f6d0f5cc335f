import { expect, test } from 'vitest'
import { breather } from './breath.ts'

test('a long loop lets timers through, a short one is not held up', async () => {
  let fired = false
  setTimeout(() => {
    fired = true
  }, 0)
  const breath = breather()
  expect(breath()).toBeUndefined()
  let turns = 0
  while (!fired && turns < 1e8) {
    turns++
    await breath()
  }
  expect(fired).toBe(true)
})
