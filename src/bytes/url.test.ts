import { afterEach, expect, test, vi } from 'vitest'
import { urlSource } from './url.ts'

afterEach(() => void vi.unstubAllGlobals())

test('calls fetch as browsers want it called: as a function, not as a method', async () => {
  const all = Uint8Array.from({ length: 100 }, (_, i) => i)
  vi.stubGlobal('fetch', async function (this: unknown, _input: string, init: RequestInit) {
    if (this !== undefined && this !== globalThis) throw new TypeError('Illegal invocation')
    const [, start, last] = /bytes=(\d+)-(\d+)/.exec(new Headers(init.headers).get('range') ?? '') ?? []
    const part = all.slice(Number(start), Number(last) + 1)
    return new Response(part, { status: 206, headers: { 'content-range': `bytes ${start}-${last}/100` } })
  })
  const source = await urlSource('https://example.org/model.onnx')
  expect(source.byteLength).toBe(100)
  expect([...(await source.read(10, 13))]).toEqual([10, 11, 12])
})
