import { describe, expect, it } from 'vitest'
import { TersorError } from '../errors.ts'
import type { RuntimeSession } from '../model/runtime.ts'
import { requireFirst } from './runs-first.ts'

const set = {
  count: 2,
  found: 2,
  skipped: [],
  filled: [],
  converted: [],
  at: async (index: number) => ({
    label: `${index}.png`,
    feeds: { x: { dtype: 'f32' as const, shape: [1, 3], data: new Uint8Array(12) } },
  }),
}
const session = (run: RuntimeSession['run']): RuntimeSession => ({
  inputs: [],
  outputs: [],
  run,
  release: async () => {},
})

describe('requireFirst', () => {
  it('runs the first sample and no other', async () => {
    const seen: string[] = []
    await requireFirst(
      set,
      session(async (feeds) => {
        seen.push(Object.keys(feeds).join())
        return {}
      }),
    )
    expect(seen).toEqual(['x'])
  })

  it('says which sample does not run, and what was fed', async () => {
    const failing = session(async () => {
      throw new TersorError('E_RUNTIME', 'the executor could not run the model: 16 by 112')
    })
    await expect(requireFirst(set, failing)).rejects.toMatchObject({
      code: 'E_RUNTIME',
      where: '0.png',
      message: expect.stringContaining('(x [1, 3]): the executor could not run the model: 16 by 112'),
      hint: expect.stringContaining('--preprocess'),
    })
  })

  it('leaves other errors as they are', async () => {
    const stopped = session(async () => {
      throw new TersorError('E_ABORTED', 'stopped')
    })
    await expect(requireFirst(set, stopped)).rejects.toMatchObject({ code: 'E_ABORTED', message: 'stopped' })
  })
})
