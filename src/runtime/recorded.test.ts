import { describe, expect, it } from 'vitest'
import { checkProbe, PROBE_MODEL, probeFeeds } from './probe-model.ts'
import { recordedRuntime } from './recorded.ts'

describe('recorded executor', () => {
  const y = { dtype: 'f32', shape: [2], data: new Uint8Array(Float32Array.of(-1.5, 2).buffer) } as const
  const runtime = recordedRuntime(
    new Map([['', { inputs: [], outputs: ['y'], answer: (feeds) => ('x' in feeds ? { y } : undefined) }]]),
  )

  it('answers from its table', async () => {
    const session = await runtime.open({ bytes: PROBE_MODEL }, { optimized: true })
    checkProbe(await session.run(probeFeeds()))
    await expect(session.run({})).rejects.toMatchObject({ code: 'E_RUNTIME' })
    await expect(session.run(probeFeeds(), AbortSignal.abort())).rejects.toMatchObject({ code: 'E_ABORTED' })
  })

  it('knows no other model', async () => {
    await expect(runtime.open({ path: 'other' }, { optimized: true })).rejects.toMatchObject({ code: 'E_RUNTIME' })
  })
})

describe('probe', () => {
  it('notices an executor that computes wrong', () => {
    expect(() => checkProbe({ y: probeFeeds().x! })).toThrow('expected -1.5 and 2, found 1.5, -2')
    expect(() => checkProbe({})).toThrow('probe wrong')
  })
})
