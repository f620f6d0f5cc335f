import { readFileSync } from 'node:fs'
import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { memorySource } from '../bytes/memory.ts'
import { crc32 } from './crc32.ts'
import { writeNpy } from './npy.ts'
import { openNpz } from './npz.ts'
import { readZip } from './zip.ts'

const golden = JSON.parse(readFileSync(new URL('../../test/golden/numpy-arrays.json', import.meta.url), 'utf8')) as {
  readonly archives: Readonly<Record<string, string>>
}
const sourceOf = (bytes: Uint8Array) => memorySource(bytes, 'x.npz')
const floats = (...values: number[]) =>
  writeNpy({ dtype: 'f32', shape: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) })
const u32 = (bytes: Uint8Array, at: number, value: number) => new DataView(bytes.buffer).setUint32(at, value, true)

describe('.npz as NumPy writes it', () => {
  it.each(Object.entries(golden.archives))('%s', async (_, hex) => {
    const arrays = await openNpz(sourceOf(Uint8Array.from(Buffer.from(hex, 'hex'))))
    expect([...arrays.keys()]).toEqual(['x', 'y'])
    const x = await arrays.get('x')!.all()
    expect(x.shape).toEqual([2, 3])
    expect([...new Float32Array((x.data as Uint8Array).slice().buffer)]).toEqual([0, 1, 2, 3, 4, 5])
    const row = await arrays.get('y')!.rows(1, 2)
    expect([...new BigInt64Array((row.data as Uint8Array).slice().buffer)]).toEqual([1n])
  })
})

describe('zip', () => {
  const archive = () =>
    Uint8Array.from(
      zipSync({ 'a.npy': [floats(...new Array(100).fill(1)), { level: 6 }], 'readme.txt': new Uint8Array(3) }),
    )

  it('leaves other members out', async () => {
    expect([...(await openNpz(sourceOf(archive()))).keys()]).toEqual(['a'])
  })

  it('cut anywhere is an error of ours', async () => {
    const whole = archive()
    for (let end = 0; end < whole.length; end += 1) {
      await expect(openNpz(sourceOf(whole.subarray(0, end)))).rejects.toMatchObject({
        code: expect.stringMatching(/E_FORMAT/),
      })
    }
  })

  it('with any byte changed is read or refused, never anything else', async () => {
    const whole = archive()
    for (let at = 0; at < whole.length; at += 1) {
      const broken = whole.slice()
      broken[at]! ^= 0xff
      await openNpz(sourceOf(broken)).catch((error) => expect(error.code).toMatch(/^E_(FORMAT|LIMIT|UNSUPPORTED)$/))
    }
  })

  it('refuses a claim that deflate cannot keep, before it allocates', async () => {
    const bomb = archive()
    const directory = Buffer.from(bomb).indexOf('PK\x01\x02')
    u32(bomb, directory + 24, 1_900_000_000)
    await expect(openNpz(sourceOf(bomb))).rejects.toMatchObject({ code: 'E_LIMIT' })
  })

  it('notices data that inflate to something else', async () => {
    const wrong = archive()
    const directory = Buffer.from(wrong).indexOf('PK\x01\x02')
    u32(wrong, directory + 16, 12_345)
    await expect(openNpz(sourceOf(wrong))).rejects.toThrow('checksum')
  })

  it('takes 64-bit sizes from the extra field', async () => {
    // One stored member "a" of 5 bytes whose directory entry says "see the extra field" three times.
    const name = 0x61
    const data = [1, 2, 3, 4, 5]
    const local = [0x50, 0x4b, 3, 4, ...new Array(22).fill(0), 1, 0, 0, 0, name, ...data]
    const wide = (value: number) => [value, 0, 0, 0, 0, 0, 0, 0]
    const extra = [1, 0, 24, 0, ...wide(5), ...wide(5), ...wide(0)]
    const ones = [255, 255, 255, 255]
    const entry = [
      0x50,
      0x4b,
      1,
      2,
      ...new Array(16).fill(0),
      ...ones,
      ...ones,
      1,
      0,
      extra.length,
      0,
      0,
      0,
      ...new Array(8).fill(0),
      ...ones,
      name,
      ...extra,
    ]
    const end = [0x50, 0x4b, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0, entry.length, 0, 0, 0, local.length, 0, 0, 0, 0, 0]
    const [member] = await readZip(sourceOf(Uint8Array.from([...local, ...entry, ...end])))
    const source = await member!.open()
    expect([...(await source.read(0, 5))]).toEqual(data)
    expect(member!.byteLength).toBe(5)
  })

  it('knows the checksum of nine digits', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
  })
})
