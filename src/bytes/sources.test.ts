import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blobSource } from './blob.ts'
import { alignedBytes, fileSource } from './file.node.ts'
import { memorySource } from './memory.ts'
import type { ByteSource } from './types.ts'
import { urlSource } from './url.ts'

const content = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7) % 251)
let folder = ''
let path = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-sources-'))
  path = join(folder, 'data.bin')
  writeFileSync(path, content)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A server in a function: answers ranges of `content`. */
const server: typeof fetch = async (_, init) => {
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(new Headers(init?.headers).get('range') ?? '') ?? []
  const part = content.slice(Number(start), Number(end) + 1)
  const last = Number(start) + part.length - 1
  return new Response(part, { status: 206, headers: { 'content-range': `bytes ${start}-${last}/${content.length}` } })
}

const sources: Readonly<Record<string, () => ByteSource | Promise<ByteSource>>> = {
  memory: () => memorySource(content, 'memory'),
  buffer: () => memorySource(content.slice().buffer, 'buffer'),
  blob: () => blobSource(new Blob([content]), 'blob'),
  file: () => fileSource(path),
  url: () => urlSource('https://example.test/data.bin', { fetch: server }),
}

describe.each(Object.entries(sources))('%s source', (_, open) => {
  it('reads any range', async () => {
    const source = await open()
    expect(source.byteLength).toBe(content.length)
    for (const [start, end] of [
      [0, 10],
      [0, 0],
      [199_990, 200_000],
      [200_000, 200_000],
      [100, 180_000],
    ] as const) {
      expect(Buffer.compare(await source.read(start, end), content.subarray(start, end))).toBe(0)
    }
    await source.close?.()
  })

  it('refuses ranges outside itself', async () => {
    const source = await open()
    for (const [start, end] of [
      [0, 200_001],
      [-1, 5],
      [10, 5],
      [0, Number.NaN],
      [0.5, 2],
      [2 ** 60, 2 ** 60 + 1],
    ] as const) {
      await expect(source.read(start, end)).rejects.toMatchObject({ code: 'E_FORMAT' })
    }
    await source.close?.()
  })

  it('stops when aborted', async () => {
    const source = await open()
    await expect(source.read(0, 1, AbortSignal.abort())).rejects.toMatchObject({ code: 'E_ABORTED' })
    await source.close?.()
  })
})

describe.each(['memory', 'buffer', 'file'])('%s source', (name) => {
  it('fills memory of the caller', async () => {
    const source = (await sources[name]?.()) as ByteSource
    const target = new Uint8Array(new ArrayBuffer(64), 8, 16)
    source.readInto?.(target, 1000)
    expect([...target]).toEqual([...content.subarray(1000, 1016)])
    expect(() => source.readInto?.(target, 199_990)).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
    await source.close?.()
  })
})

describe('file source', () => {
  it('reads into wasm memory', async () => {
    const source = fileSource(path)
    const memory = new WebAssembly.Memory({ initial: 2 })
    source.readInto?.(new Uint8Array(memory.buffer, 64, 1000), 5)
    expect(Buffer.compare(new Uint8Array(memory.buffer, 64, 1000), content.subarray(5, 1005))).toBe(0)
    await source.close?.()
  })

  it('notices a file that shrinks, and its own end', async () => {
    const shrinking = join(folder, 'shrinking.bin')
    writeFileSync(shrinking, content)
    const source = fileSource(shrinking)
    truncateSync(shrinking, 100)
    await expect(source.read(50, 200)).rejects.toMatchObject({ code: 'E_FORMAT' })
    await source.close?.()
    await source.close?.()
    await expect(source.read(0, 1)).rejects.toMatchObject({ code: 'E_INTERNAL' })
  })

  it('says why a file cannot be opened', () => {
    expect(() => fileSource(join(folder, 'missing'))).toThrow(/no such file/)
    expect(() => fileSource(folder)).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
    expect(() => fileSource(join(path, 'below'))).toThrow(/no such file/)
  })

  it('puts large buffers where the system copies fast', () => {
    expect(alignedBytes(1 << 20).byteOffset).toBe(48)
    expect(alignedBytes(1 << 20)).toHaveLength(1 << 20)
    expect(alignedBytes(100).byteOffset).toBe(0)
  })
})

describe('url source', () => {
  const open = (answer: (init: RequestInit | undefined) => Response | Promise<Response>): Promise<ByteSource> =>
    urlSource('https://example.test/m.onnx', { fetch: async (_, init) => answer(init) })

  it.each([
    ['ignores ranges', 200, {}, 'E_UNSUPPORTED', /whole file/],
    ['has no such file', 404, {}, 'E_USAGE', /404/],
    ['keeps the file to itself', 403, {}, 'E_USAGE', /403/],
    ['fails', 503, {}, 'E_FORMAT', /503/],
    ['answers another range', 206, { 'content-range': 'bytes 5-9/100' }, 'E_UNSUPPORTED', /another range/],
  ])('says so when the server %s', async (_, status, headers, code, text) => {
    await expect(open(() => new Response('x', { status, headers }))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(text),
    })
  })

  it('asks for the length where ranges do not tell it', async () => {
    const source = await open((init) =>
      init?.method === 'HEAD'
        ? new Response(null, { headers: { 'content-length': '3' } })
        : new Response('abc', { status: 206, headers: { 'content-range': 'bytes 0-2/*' } }),
    )
    expect(source.byteLength).toBe(3)
    expect([...(await source.read(1, 3))]).toEqual([98, 99])
  })

  it('knows an empty file', async () => {
    const source = await open(() => new Response(null, { status: 416, headers: { 'content-range': 'bytes */0' } }))
    expect(source.byteLength).toBe(0)
  })

  it('tries again, but not for ever', async () => {
    let calls = 0
    const flaky = await urlSource('https://example.test/m', {
      fetch: async (input, init) => {
        calls++
        if (calls < 3) throw new TypeError('network down')
        return server(input, init)
      },
    })
    expect(flaky.byteLength).toBe(content.length)
    calls = 0
    const dead = open(() => {
      calls++
      throw new TypeError('network down')
    })
    await expect(dead).rejects.toThrow(/network down/)
    expect(calls).toBe(3)
  })

  it('notices a file that changes or comes short', async () => {
    let total = content.length
    const source = await urlSource('https://example.test/m', {
      fetch: async (input, init) => {
        const response = await server(input, init)
        const range = response.headers.get('content-range')?.replace(/\/\d+$/, `/${total}`) ?? ''
        return new Response((await response.arrayBuffer()).slice(0, 70_000), {
          status: 206,
          headers: { 'content-range': range },
        })
      },
    })
    await expect(source.read(0, 80_000)).rejects.toThrow(/70000 bytes came/)
    total = 5
    await expect(source.read(0, 70_000)).rejects.toThrow(/changed/)
  })
})
