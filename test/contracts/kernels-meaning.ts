import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { FitMode, type Kernels } from '../../src/model/kernels.ts'
import { MODES, type Pair, SAMPLE_KINDS, sampleValues, streamFit, tiles } from './kernels-pair.ts'

/** Examples worked out by hand, and properties that hold whatever the values. */
export function describeMeaning(pairOf: () => Pair, createCandidate: () => Kernels): void {
  describe('the meaning of the port', () => {
    let pair: Pair
    beforeAll(() => {
      pair = pairOf()
    })
    it('reserve keeps one aligned pointer and the contents', () => {
      const kernels = createCandidate()
      const pointer = kernels.reserve(100)
      expect(pointer % 64).toBe(0)
      new Uint8Array(kernels.memory)[pointer + 99] = 7
      expect(kernels.reserve(3_000_000)).toBe(pointer)
      expect(new Uint8Array(kernels.memory)[pointer + 99]).toBe(7)
      expect(kernels.memory.byteLength).toBeGreaterThanOrEqual(pointer + 3_000_000)
      expect(() => kernels.reserve(2 ** 31)).toThrow(expect.objectContaining({ code: 'E_LIMIT' }))
      expect(() => kernels.reserve(Number.NaN)).toThrow(expect.objectContaining({ code: 'E_LIMIT' }))
    })

    it('refuses to search columns that its scratch area cannot hold', () => {
      pair.clear()
      const src = pair.area(8193 * 4)
      for (const kernels of pair.engines) {
        const fit = (mode: FitMode) => kernels.fitColumns(src, 1, 8193, 1, mode, 15, 0, src, 1, 0, 0)
        expect(() => fit(FitMode.SearchSymmetric)).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }))
      }
    })

    it('packs a block worked out by hand', () => {
      pair.clear()
      // extreme -4 -> scale -4 / -8 = 0.5, zero 8; codes 8 + [-8, 7 (clamped from 8), 1, -1, 0 (tie 0.5), 2 (tie 1.5), 0, -2 (tie -2.5)]
      const src = pair.put([-4, 4, 0.5, -0.5, 0.25, 0.75, 0, -1.25])
      const scales = pair.area(4)
      const zeros = pair.area(1)
      const packed = pair.area(4)
      pair.call('fitRows', src, 8, 1, 8, 8, FitMode.SignedExtreme, 15, 0, scales, zeros)
      expect([...pair.floats(scales, 1)]).toEqual([0.5])
      expect([...pair.bytes(zeros, 1)]).toEqual([8])
      const error = pair.call('packRows', src, 8, 1, 8, 8, 4, 0, scales, zeros, packed, 4)
      expect([...pair.bytes(packed, 4)]).toEqual([0xf0, 0x79, 0xa8, 0x68])
      expect(error).toBe(0.5 ** 2 + 3 * 0.25 ** 2)
      pair.call('packRows', src, 8, 1, 8, 8, 4, 8, scales, zeros, packed, 4)
      expect([...pair.bytes(packed, 4)]).toEqual([0x78, 0xf1, 0x20, 0xe0])
    })

    it('packs a column with padding worked out by hand', () => {
      pair.clear()
      // two columns of three rows, block 8, 2 bits: range [-1, 2] -> scale 1, zero 1; [0, 3] -> scale 1, zero 0
      const src = pair.put([-1, 0, 2, 3, 0, 1])
      const scales = pair.area(8)
      const zeros = pair.area(2)
      const packed = pair.area(4)
      pair.call('fitColumns', src, 2, 3, 2, FitMode.Asymmetric, 3, 0, scales, 1, zeros, 1)
      expect([...pair.floats(scales, 2)]).toEqual([1, 1])
      expect([...pair.bytes(zeros, 2)]).toEqual([1, 0])
      expect(pair.call('packColumns', src, 2, 3, 2, 8, 2, 0, scales, 1, zeros, 1, packed, 2)).toBe(0)
      expect([...pair.bytes(packed, 4)]).toEqual([0b01_01_11_00, 0b01_01_01_01, 0b00_01_11_00, 0])
    })

    it('lets rows of an odd number of nibbles follow each other', () => {
      pair.clear()
      const src = pair.put([1, 2, 3, 4, 5, 6, 7, -8, -1])
      const scales = pair.put([1, 1, 1])
      const packed = pair.area(5)
      expect(pair.call('packColumnsInPlace', src, 3, 3, 3, 4, 8, scales, 1, 0, 0, packed, 99)).toBe(0)
      expect([...pair.bytes(packed, 5)]).toEqual([0x21, 0x43, 0x65, 0x87, 0x0f])
    })

    it('gives zeros scale 0 and the code that decodes to 0', () => {
      for (const mode of MODES) {
        pair.clear()
        const src = pair.put(new Float32Array(32))
        const scales = pair.area(4)
        const zeros = pair.area(1)
        const codes = pair.area(32)
        const decoded = pair.area(128)
        pair.call('fitRows', src, 32, 1, 32, 32, mode, 15, 1, scales, zeros)
        expect([pair.floats(scales, 1)[0], pair.bytes(zeros, 1)[0]]).toEqual([0, 8])
        expect(pair.call('encodeRows', src, 32, 1, 32, 32, 4, 0, scales, zeros, codes, 32)).toBe(0)
        pair.call('decodeRows', codes, 32, 1, 32, 32, 4, scales, zeros, decoded, 32)
        expect(pair.floats(decoded, 32).every((x) => x === 0)).toBe(true)
      }
    })

    it('chooses finite grids and codes in range for any finite values', () => {
      for (const mode of MODES) {
        for (const bits of [2, 4, 8]) {
          for (let kind = 0; kind < SAMPLE_KINDS; kind++) {
            for (const half of [0, 1]) {
              pair.clear()
              const src = pair.put(sampleValues(64, kind, 9))
              const scales = pair.area(8)
              const zeros = pair.area(2)
              const codes = pair.area(64)
              pair.call('fitRows', src, 64, 1, 64, 32, mode, 2 ** bits - 1, half, scales, zeros)
              for (const scale of pair.floats(scales, 2)) {
                expect(Number.isFinite(scale)).toBe(true)
                expect(Number.isFinite(1 / scale) || scale === 0).toBe(true)
              }
              for (const zero of pair.bytes(zeros, 2)) expect(zero).toBeLessThan(2 ** bits)
              expect(pair.call('encodeRows', src, 64, 1, 64, 32, bits, 0, scales, zeros, codes, 64)).not.toBeNaN()
              for (const code of pair.bytes(codes, 64)) expect(code).toBeLessThan(2 ** bits)
            }
          }
        }
      }
    })

    it('rounds scales to f16 before choosing codes', () => {
      pair.clear()
      const src = pair.put([1e30, -3e30, 1, 0.3, 5e-9, 1e-9, 0, -2e-9])
      const scales = pair.area(8)
      pair.call('fitRows', src, 4, 2, 4, 4, FitMode.SignedExtreme, 15, 1, scales, 0)
      // -3e30 / -8 is beyond f16; 5e-9 / -8 is below half of its smallest step 2^-24
      expect([...pair.floats(scales, 2)]).toEqual([65504, 0])
      const once = pair.put([0.7, -0.1, 0.2, 0.3])
      pair.call('fitRows', once, 4, 1, 4, 4, FitMode.SignedExtreme, 15, 1, scales, 0)
      const half = pair.area(2)
      pair.call('f32ToF16', scales, half, 1)
      pair.call('f16ToF32', half, scales + 4, 1)
      const [scale, stored] = pair.floats(scales, 2)
      expect(scale).toBe(stored)
      expect(scale).toBeCloseTo(-0.0875, 4)
    })

    it('searches never do worse than the closed forms', () => {
      fc.assert(
        fc.property(tiles, (tile) => {
          const { rows, columns, block, bits, half, kind, seed } = tile
          const search = (mode: FitMode) =>
            rowError(pair, mode, sampleValues(rows * columns, kind, seed), rows, columns, block, bits, half)
          const close = 1 + 1e-5
          expect(search(FitMode.SearchSymmetric)).toBeLessThanOrEqual(search(FitMode.SignedExtreme) * close)
          expect(search(FitMode.SearchSymmetric)).toBeLessThanOrEqual(search(FitMode.Symmetric) * close)
          expect(search(FitMode.SearchAsymmetric)).toBeLessThanOrEqual(search(FitMode.Asymmetric) * close)
        }),
        { seed: 7, numRuns: 80 },
      )
    })

    it('searches gain what they should on bell-shaped blocks', () => {
      const values = sampleValues(32 * 256, 0, 1)
      const error = (mode: FitMode) => rowError(pair, mode, values, 256, 32, 32, 4, 0)
      expect(error(FitMode.SearchSymmetric)).toBeLessThan(error(FitMode.SignedExtreme) * 0.93)
      expect(error(FitMode.SearchAsymmetric)).toBeLessThan(error(FitMode.Asymmetric) * 0.95)
    })

    it('encoding what was decoded changes nothing', () => {
      fc.assert(
        fc.property(tiles, ({ rows, columns, block, bits, mode, kind, seed }) => {
          pair.clear()
          const blocks = Math.ceil(columns / block)
          const src = pair.put(sampleValues(rows * columns, kind, seed))
          const scales = pair.area(rows * blocks * 4)
          const zeros = pair.area(rows * blocks)
          const first = pair.area(rows * columns)
          const second = pair.area(rows * columns)
          const decoded = pair.area(rows * columns * 4)
          const grid = [block, bits, 0, scales, zeros] as const
          pair.call('fitRows', src, columns, rows, columns, block, mode, 2 ** bits - 1, 0, scales, zeros)
          pair.call('encodeRows', src, columns, rows, columns, ...grid, first, columns)
          pair.call('decodeRows', first, columns, rows, columns, block, bits, scales, zeros, decoded, columns)
          pair.call('encodeRows', decoded, columns, rows, columns, ...grid, second, columns)
          const scaleOf = pair.floats(scales, rows * blocks)
          const zeroOf = pair.bytes(zeros, rows * blocks)
          const [a, b, values] = [
            pair.bytes(first, rows * columns),
            pair.bytes(second, rows * columns),
            pair.floats(decoded, rows * columns),
          ]
          for (let i = 0; i < a.length; i++) {
            const at = Math.floor(i / columns) * blocks + Math.floor((i % columns) / block)
            const value = Math.fround(scaleOf[at]! * (a[i]! - zeroOf[at]!))
            if (!Object.is(values[i], value)) throw new Error(`value ${i}: ${values[i]} is not ${value}`)
            // Products beyond f32 decode to infinity, and a scale of 0 has one value for all codes.
            const isUsable = Number.isFinite(value) && scaleOf[at] !== 0
            if (isUsable && a[i] !== b[i]) throw new Error(`code ${i}: ${a[i]} became ${b[i]}`)
          }
        }),
        { seed: 11, numRuns: 60 },
      )
    })

    it('returns the squared error of what it wrote', () => {
      pair.clear()
      const [rows, columns] = [33, 70]
      const values = sampleValues(rows * columns, 1, 4)
      const src = pair.put(values)
      const scales = pair.area(columns * 4)
      const codes = pair.area(rows * columns)
      const decoded = pair.area(rows * columns * 4)
      const out = pair.area(16)
      pair.call('fitColumns', src, columns, rows, columns, FitMode.Symmetric, 255, 0, scales, 1, 0, 0)
      const error = pair.call('encodeColumns', src, columns, rows, columns, 8, 128, scales, 1, 0, 0, codes, columns)
      for (const { memory } of pair.engines) {
        const stored = new Uint8Array(memory, codes, rows * columns)
        for (let i = 0; i < stored.length; i++) stored[i] = stored[i]! ^ 128
      }
      pair.call('decodeColumns', codes, columns, rows, columns, 8, scales, 1, 0, 0, decoded, columns)
      const back = pair.floats(decoded, rows * columns)
      const exact = values.reduce((sum, x, i) => sum + (x - back[i]!) ** 2, 0)
      expect(Math.abs(error / exact - 1)).toBeLessThan(1e-5)
      pair.call('squaredError', src, decoded, rows * columns, out)
      const [found, energy] = pair.doubles(out, 2)
      expect(Math.abs(found! / exact - 1)).toBeLessThan(1e-5)
      expect(energy! / values.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 5)
    })

    it('converts the landmarks of f16 and bf16', () => {
      pair.clear()
      const values = [
        1,
        -2,
        65504,
        65519,
        65520,
        6e-8,
        2 ** -25,
        2 ** -24,
        1.0009765625,
        1.00048828125,
        -0,
        Number.POSITIVE_INFINITY,
      ]
      const src = pair.put(values)
      const out = pair.area(24)
      expect(pair.call('f32ToF16', src, out, 12)).toBe(1)
      const halves = [0x3c00, 0xc000, 0x7bff, 0x7bff, 0x7c00, 1, 0, 1, 0x3c01, 0x3c00, 0x8000, 0x7c00]
      expect([...new Uint16Array(pair.engines[0].memory, out, 12)]).toEqual(halves)
      const brains = pair.put([1, 1.00390625, 1.01171875, 3.4e38, Number.NaN])
      expect(pair.call('f32ToBf16', brains, out, 5)).toBe(1)
      expect([...new Uint16Array(pair.engines[0].memory, out, 4)]).toEqual([0x3f80, 0x3f80, 0x3f82, 0x7f80])
    })

    it('counts magnitudes, with the last bin open', () => {
      pair.clear()
      const src = pair.put([0, 0.99, -1, 1.5, 2, 7, -9, 1e30, Number.POSITIVE_INFINITY])
      const bins = pair.put([5, 0, 0, 0], 'u32')
      pair.call('histogram', src, 9, 1, bins, 4)
      expect([...new Uint32Array(pair.engines[0].memory, bins, 4)]).toEqual([7, 2, 1, 4])
    })

    it('finds the worst pair of equal sign', () => {
      pair.clear()
      // -128 + 127 differ in sign; 127 + 3, then 3 + 0
      const codes = pair.put([0, 255, 131, 128], 'u8')
      expect(pair.call('worstPairRows', codes, 4, 1, 4)).toBe(130)
      expect(pair.call('worstPairColumns', codes, 1, 4, 1)).toBe(130)
      expect(pair.call('worstPairColumns', codes, 2, 2, 2)).toBe(127)
      expect(pair.call('worstPairRows', codes, 1, 4, 1)).toBe(0)
    })

    it('chooses the refit candidate of a stream as well as fitColumns does', () => {
      const [rows, columns] = [600, 20]
      pair.clear()
      const values = sampleValues(rows * columns, 1, 2)
      const src = pair.put(values)
      const range = pair.put([
        ...Array(columns).fill(Number.POSITIVE_INFINITY),
        ...Array(columns).fill(Number.NEGATIVE_INFINITY),
      ])
      const stream = streamFit(pair, src, rows, columns, range, FitMode.SearchSymmetric, 15)
      const scales = pair.area(columns * 4)
      const codes = pair.area(rows * columns)
      pair.call('fitColumns', src, columns, rows, columns, FitMode.SearchSymmetric, 15, 0, scales, 1, 0, 0)
      const encode = (at: number) =>
        pair.call('encodeColumns', src, columns, rows, columns, 4, 0, at, 1, 0, 0, codes, columns)
      expect(encode(stream) / encode(scales)).toBeLessThan(1.01)
    })
  })
}

function rowError(
  pair: Pair,
  mode: FitMode,
  values: Float32Array,
  rows: number,
  columns: number,
  block: number,
  bits: number,
  half: 0 | 1,
): number {
  pair.clear()
  const blocks = Math.ceil(columns / block)
  const src = pair.put(values)
  const scales = pair.area(rows * blocks * 4)
  const zeros = pair.area(rows * blocks)
  const codes = pair.area(rows * columns)
  pair.call('fitRows', src, columns, rows, columns, block, mode, 2 ** bits - 1, half, scales, zeros)
  return pair.call('encodeRows', src, columns, rows, columns, block, bits, 0, scales, zeros, codes, columns)
}
