import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { varint } from '../../test/fixtures/wire.ts'
import { Cursor } from './cursor.ts'

const over = (...content: readonly number[]): Cursor => new Cursor(Uint8Array.from(content), 'test')

describe('cursor', () => {
  it('reads every 64-bit number, with sign and without', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 10 }), (value, width) => {
        const spelled = varint(value, width)
        const cursor = over(...spelled)
        expect(cursor.varint()).toBe(Number(value))
        expect(cursor.width).toBe(spelled.length)
        expect(BigInt(cursor.unsigned())).toBe(value)
        expect(BigInt(cursor.signed())).toBe(BigInt.asIntN(64, value))
        expect(typeof cursor.signed() === 'number').toBe(Number.isSafeInteger(Number(BigInt.asIntN(64, value))))
      }),
      { numRuns: 3000, seed: 20261123 },
    )
  })

  it.each([
    0n,
    127n,
    128n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 63n - 1n,
    -1n,
    -(2n ** 53n) + 1n,
    -(2n ** 53n),
    -(2n ** 63n),
  ])('knows the edge %s', (value) => {
    const cursor = over(...varint(value))
    cursor.varint()
    expect(BigInt(cursor.signed())).toBe(value)
  })

  it('refuses numbers that do not end, or are too long, and stays where it was', () => {
    for (const content of [[], [128], [255, 255], new Array(11).fill(128), [...new Array(9).fill(255), 2]]) {
      const cursor = over(...content)
      expect(() => cursor.varint()).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
      expect(cursor.position).toBe(0)
    }
  })

  it('reads fixed numbers and never past its limit', () => {
    const bytes = new Uint8Array(32)
    const view = new DataView(bytes.buffer)
    view.setUint16(1, 0x1234, true)
    view.setUint32(3, 0xdeadbeef, true)
    view.setBigUint64(7, 2n ** 63n, true)
    view.setFloat32(15, 0.5, true)
    view.setFloat64(19, -0.1, true)
    const cursor = new Cursor(bytes, 'test', 1, 29, 1000)
    expect([cursor.u16(), cursor.u32(), cursor.u64(), cursor.f32(), cursor.f64()]).toEqual([
      0x1234,
      0xdeadbeef,
      2n ** 63n,
      0.5,
      -0.1,
    ])
    expect(cursor.remaining).toBe(2)
    expect(() => cursor.u32()).toThrow('test: 4 bytes expected, 2 left, at byte 1027')
    expect(cursor.take(2)).toHaveLength(2)
    expect(() => cursor.u8()).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
    expect(() => cursor.skip(-1)).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
    expect(() => cursor.take(Number.NaN)).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
  })

  it('cannot be made outside its array', () => {
    expect(() => new Cursor(new Uint8Array(4), 'test', 2, 5)).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }))
  })
})
