import { expect, test } from 'vitest'
import type { Value } from '../model/runtime.ts'
import { sampleDigestSync } from './sample-digest.node.ts'
import { sampleDigest } from './sample-digest.ts'

const x: Value = { dtype: 'u8', shape: [1, 2], data: Uint8Array.of(1, 2) }

test('the same feeds in another order have one digest; another value, shape, type or name has another', async () => {
  const text: Value = { dtype: 'string', shape: [2], data: ['a', 'b'] }
  const digest = await sampleDigest({ x, text })
  expect(digest).toMatch(/^[0-9a-f]{64}$/)
  expect(await sampleDigest({ text, x })).toBe(digest)
  expect(sampleDigestSync({ text, x })).toBe(digest)
  const others = [
    { x: { ...x, data: Uint8Array.of(1, 3) }, text },
    { x: { ...x, shape: [2, 1] }, text },
    { x: { ...x, dtype: 'i8' as const }, text },
    { y: x, text },
    { x, text: { ...text, data: ['ab', ''] } },
    { x },
  ]
  const digests = await Promise.all(others.map(sampleDigest))
  expect(new Set([digest, ...digests]).size).toBe(others.length + 1)
})
