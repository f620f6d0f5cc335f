import { expect, test } from 'vitest'
import { breather, paced } from './breath.ts'

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

function* endless(): Generator<undefined, number, undefined> {
  for (;;) yield
}

test('long work in steps gives what it gives, and ends soon after it is told to', async () => {
  function* short(): Generator<undefined, number, undefined> {
    yield
    return 7
  }
  expect(await paced(short(), {})).toBe(7)
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 0)
  await expect(paced(endless(), { signal: stop.signal })).rejects.toMatchObject({ code: 'E_ABORTED' })
})
