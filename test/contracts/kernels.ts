import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { FitMode, type Kernels } from '../../src/model/kernels.ts'

/** Sizes around every vector width, and the run length of the row kernels. */
const SIZES = [0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65, 255, 1023, 1025]
const MODES = Object.values(FitMode)
const ARENA_BYTES = 1 << 20
/** Bytes beyond the last area that are watched, too. */
const MARGIN = 256
const PATTERN = 0xa5

type KernelName = Exclude<keyof Kernels, 'id' | 'memory' | 'reserve'>

/** Two engines that get the same memory and the same calls, and must leave the same bytes. */
class Pair {
  readonly engines: readonly [Kernels, Kernels]
  readonly start: number
  private next: number

  constructor(candidate: Kernels, oracle: Kernels) {
    this.engines = [candidate, oracle]
    this.start = candidate.reserve(ARENA_BYTES)
    expect(oracle.reserve(ARENA_BYTES)).toBe(this.start)
    this.next = this.start
  }

  /** Forgets all areas. */
  clear(): void {
    for (const { memory } of this.engines) new Uint8Array(memory, this.start, MARGIN).fill(PATTERN)
    this.next = this.start
  }

  /** An area `offset` bytes beyond a multiple of 64, filled with a pattern up to the margin, so that a stray write shows. */
  area(byteLength: number, offset = 0): number {
    const at = Math.ceil(this.next / 64) * 64 + offset
    this.next = at + byteLength
    if (this.next + MARGIN > this.start + ARENA_BYTES) throw new Error('this case needs a larger arena')
    for (const { memory } of this.engines) new Uint8Array(memory, at, byteLength + MARGIN).fill(PATTERN)
    return at
  }

  put(values: ArrayLike<number>, type: 'f32' | 'f64' | 'u32' | 'u16' | 'u8' = 'f32', offset = 0): number {
    const Type = { f32: Float32Array, f64: Float64Array, u32: Uint32Array, u16: Uint16Array, u8: Uint8Array }[type]
    const at = this.area(values.length * Type.BYTES_PER_ELEMENT, offset)
    for (const { memory } of this.engines) new Type(memory, at, values.length).set(values)
    return at
  }

  /** Calls both, compares the results and the whole arena. */
  call(name: KernelName, ...all: number[]): number {
    const [first, second] = this.engines.map((engine) => (engine[name] as (...rest: number[]) => number)(...all))
    if (!Object.is(first, second)) throw new Error(`${name}(${all.join(', ')}): ${first} is not ${second}`)
    const [a, b] = this.engines.map(({ memory }) => Buffer.from(memory, this.start, this.used))
    if (!a!.equals(b!)) {
      const at = a!.findIndex((byte, i) => byte !== b![i])
      throw new Error(`${name}(${all.join(', ')}): byte ${at + this.start} is ${a![at]} and ${b![at]}`)
    }
    return first!
  }

  private get used(): number {
    return this.next - this.start + MARGIN
  }

  floats(at: number, count: number): Float32Array {
    return new Float32Array(this.engines[0].memory, at, count).slice()
  }

  doubles(at: number, count: number): Float64Array {
    return new Float64Array(this.engines[0].memory, at, count).slice()
  }

  bytes(at: number, count: number): Uint8Array {
    return new Uint8Array(this.engines[0].memory, at, count).slice()
  }
}

/** Deterministic values of several characters: what weights look like, and what they should not look like. */
export function sampleValues(count: number, kind: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
  const bell = () => uniform() + uniform() + uniform() + uniform() - 2
  const make: (() => number)[] = [
    bell,
    () => bell() ** 3 * 4,
    () => 0,
    () => (uniform() < 0.03 ? 60 : bell() * 0.1),
    () => (uniform() < 0.5 ? -0 : 0.25),
    () => bell() * 1e-39,
    () => bell() * 1.7e38,
    () => Math.floor(uniform() * 16) - 8,
    () => uniform() + 3,
    () => -uniform() * 1e-6,
    () => bell() * 1e5,
    () => bell() * 2e-21,
  ]
  return Float32Array.from({ length: count }, make[kind % make.length]!)
}
export const SAMPLE_KINDS = 12

interface Tile {
  readonly rows: number
  readonly columns: number
  readonly gap: number
  readonly block: number
  readonly bits: number
  readonly mode: FitMode
  readonly half: 0 | 1
  readonly flip: boolean
  readonly kind: number
  readonly seed: number
  readonly offset: number
}

const tiles: fc.Arbitrary<Tile> = fc.record({
  rows: fc.integer({ min: 1, max: 70 }),
  columns: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(96, 128, 255, 256, 257)),
  gap: fc.constantFrom(0, 0, 1, 3, 16),
  block: fc.constantFrom(8, 16, 32, 32, 64, 128, 256),
  bits: fc.constantFrom(2, 4, 4, 8),
  mode: fc.constantFrom(...MODES),
  half: fc.constantFrom<0 | 1>(0, 1),
  flip: fc.boolean(),
  kind: fc.nat(SAMPLE_KINDS - 1),
  seed: fc.nat(1000),
  offset: fc.constantFrom(0, 4, 8, 20),
})

/**
 * What every implementation of Kernels owes: the bits of `createOracle` for all sizes, strides, alignments and odd values,
 * and the meaning of the port, checked against arithmetic written down here.
 */
export function kernelsContract(label: string, createCandidate: () => Kernels, createOracle: () => Kernels): void {
  describe(label, () => {
    let pair: Pair
    beforeAll(() => {
      pair = new Pair(createCandidate(), createOracle())
    })

    const seeded = { seed: 20_260, numRuns: 150 }
    const isAsymmetric = (mode: FitMode) => mode === FitMode.Asymmetric || mode === FitMode.SearchAsymmetric

    describe('the same bits as the oracle', () => {
      it('rows: fit, encode, pack, nearestPack, transposed, decode', () => {
        fc.assert(
          fc.property(tiles, (tile) => rowsAgree(pair, tile, isAsymmetric(tile.mode))),
          seeded,
        )
      })

      it('columns: fit, encode, pack, nearestPack, in place, decode', () => {
        fc.assert(
          fc.property(tiles, (tile) => columnsAgree(pair, tile, isAsymmetric(tile.mode))),
          seeded,
        )
      })

      it.each(SIZES)('a row of %i', (size) => {
        for (const mode of MODES) {
          for (const bits of [2, 4, 8]) {
            const tile = { rows: 2, columns: size, gap: 1, block: Math.max(8, Math.ceil(size / 8) * 8), bits, mode }
            rowsAgree(pair, { ...tile, half: 0, flip: true, kind: 0, seed: size, offset: 4 }, isAsymmetric(mode))
            columnsAgree(
              pair,
              { ...tile, block: 8, half: 1, flip: false, kind: 1, seed: size, offset: 4 },
              isAsymmetric(mode),
            )
          }
        }
      })

      it.each([1, 5, 33, 1024, 1025, 4100, 9000])('one block of %i', (size) => {
        for (const mode of MODES) {
          for (const bits of [4, 8]) {
            const tile = {
              columns: size,
              gap: 0,
              block: size,
              bits,
              mode,
              half: 0,
              flip: false,
              kind: 1,
              seed: 3,
              offset: 0,
            } as const
            rowsAgree(pair, { ...tile, rows: 3 }, isAsymmetric(mode))
          }
        }
      })

      it('tall columns, and candidates in a stream', () => {
        for (const rows of [1, 200, 1025, 8192]) gridsAgree(pair, rows, rows > 2000 ? 3 : 21)
        gridsAgree(pair, 9001, 2)
      })

      it.each(SIZES)('census, squared error, histogram, conversions, pairs of %i', (size) => {
        for (let kind = 0; kind < SAMPLE_KINDS; kind++) runsAgree(pair, size, kind)
      })

      it('census finds the first value that is not finite', () => {
        for (const size of [1, 9, 64, 1023]) {
          for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
            for (const at of [0, size >> 1, size - 1]) {
              pair.clear()
              const values = sampleValues(size, 0, 5)
              values[at] = bad
              values[size - 1] = bad
              const src = pair.put(values, 'f32', 4)
              expect(pair.call('census', src, size, pair.area(12))).toBe(at)
            }
          }
        }
      })

      it('every f16 and bf16 pattern, and f32 around every rounding boundary', () => {
        pair.clear()
        const all = Uint16Array.from({ length: 65_536 }, (_, i) => i)
        const src = pair.put(all, 'u16')
        const wide = pair.area(65_536 * 4)
        const back = pair.area(65_536 * 2)
        for (const [widen, narrow] of [
          ['f16ToF32', 'f32ToF16'],
          ['bf16ToF32', 'f32ToBf16'],
        ] as const) {
          pair.call(widen, src, wide, 65_536)
          pair.call(narrow, wide, back, 65_536)
          for (const delta of [-1, 1, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001]) {
            for (const { memory } of pair.engines) {
              const bits = new Uint32Array(memory, wide, 65_536)
              for (let i = 0; i < bits.length; i++) bits[i] = bits[i]! + delta
            }
            pair.call(narrow, wide, back, 65_536)
          }
        }
      })
    })

    describe('the meaning of the port', () => {
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

function rowsAgree(pair: Pair, tile: Tile, withZeros: boolean): void {
  const { rows, columns, block, bits, mode, half } = tile
  pair.clear()
  const stride = columns + tile.gap
  const flip = tile.flip ? 2 ** (bits - 1) : 0
  const blocks = Math.ceil(columns / block)
  const src = pair.put(sampleValues(rows * stride, tile.kind, tile.seed), 'f32', tile.offset)
  const scales = pair.area(rows * blocks * 4, 4)
  const zeros = withZeros ? pair.area(rows * blocks, 3) : 0
  const rowBytes = Math.ceil((blocks * block * bits) / 8) + tile.gap
  const packed = pair.area(rows * rowBytes, 5)
  const codes = pair.area(rows * stride, 7)
  const turned = pair.area(columns * (rows + 2), 1)
  const decoded = pair.area(rows * stride * 4, 4)
  pair.call('fitRows', src, stride, rows, columns, block, mode, 2 ** bits - 1, half, scales, zeros)
  pair.call('encodeRows', src, stride, rows, columns, block, bits, flip, scales, zeros, codes, stride)
  const error = pair.call('packRows', src, stride, rows, columns, block, bits, flip, scales, zeros, packed, rowBytes)
  pair.call('decodeRows', codes, stride, rows, columns, block, bits, scales, zeros, decoded, stride)
  pair.call(
    'encodeRowsTransposed',
    src,
    stride,
    Math.min(rows, rows * blocks),
    columns,
    bits,
    flip,
    scales,
    zeros,
    turned,
    rows + 2,
  )
  if (mode === FitMode.SearchSymmetric || mode === FitMode.SearchAsymmetric) return
  const apart = pair.bytes(packed, rows * rowBytes)
  for (const { memory } of pair.engines) {
    new Uint8Array(memory, scales, rows * blocks * 4).fill(0)
    new Uint8Array(memory, packed, rows * rowBytes).fill(PATTERN)
  }
  const fused = pair.call(
    'nearestPackRows',
    src,
    stride,
    rows,
    columns,
    block,
    mode,
    bits,
    flip,
    half,
    scales,
    zeros,
    packed,
    rowBytes,
  )
  if (!Object.is(fused, error)) throw new Error(`nearestPackRows: error ${fused} is not ${error}`)
  expect(pair.bytes(packed, rows * rowBytes)).toEqual(apart)
}

function columnsAgree(pair: Pair, tile: Tile, withZeros: boolean): void {
  const { columns, block, bits, mode, half } = tile
  const rows = Math.min(tile.rows, block)
  pair.clear()
  const stride = columns + tile.gap
  const step = 1 + (tile.gap % 3)
  const flip = tile.flip ? 2 ** (bits - 1) : 0
  const src = pair.put(sampleValues(rows * stride, tile.kind, tile.seed), 'f32', tile.offset)
  const scales = pair.area(columns * step * 4, 4)
  const zeros = withZeros ? pair.area(columns * step, 3) : 0
  const blockBytes = (block * bits) / 8
  const packed = pair.area(columns * (blockBytes + tile.gap), 5)
  const codes = pair.area(rows * stride, 7)
  const inPlace = pair.area(Math.ceil((rows * columns * bits) / 8) + rows * 2, 9)
  const back = pair.area(rows * stride, 1)
  const decoded = pair.area(rows * stride * 4, 4)
  const ranges = pair.put([
    ...Array(columns).fill(Number.POSITIVE_INFINITY),
    ...Array(columns).fill(Number.NEGATIVE_INFINITY),
  ])
  const grid = [scales, step, zeros, step] as const
  pair.call('foldColumns', src, stride, rows, columns, ranges, ranges + columns * 4)
  pair.call('fitColumns', src, stride, rows, columns, mode, 2 ** bits - 1, half, ...grid)
  pair.call('encodeColumns', src, stride, rows, columns, bits, flip, ...grid, codes, stride)
  const error = pair.call(
    'packColumns',
    src,
    stride,
    rows,
    columns,
    block,
    bits,
    flip,
    ...grid,
    packed,
    blockBytes + tile.gap,
  )
  pair.call('decodeColumns', codes, stride, rows, columns, bits, ...grid, decoded, stride)
  const rowBytes = (columns * bits) / 8
  pair.call('packColumnsInPlace', src, stride, rows, columns, bits, flip, ...grid, inPlace, Math.ceil(rowBytes) + 1)
  if (Number.isInteger(rowBytes) && rows > 0) {
    pair.call('unpackCodes', inPlace, columns, bits, 0, back)
    expect(pair.bytes(back, columns)).toEqual(pair.bytes(codes, columns))
  } else {
    pair.call('unpackCodes', inPlace, rows * columns, bits, 0, back)
    const stored = pair.bytes(codes, rows * stride).filter((_, i) => i % stride < columns)
    expect(pair.bytes(back, rows * columns)).toEqual(stored)
  }
  pair.call('packCodes', back, columns, bits, packed)
  if (mode === FitMode.SearchSymmetric || mode === FitMode.SearchAsymmetric) return
  const fusedError = pair.call(
    'nearestPackColumns',
    src,
    stride,
    rows,
    columns,
    block,
    mode,
    bits,
    flip,
    half,
    ...grid,
    packed,
    blockBytes + tile.gap,
  )
  if (!Object.is(fusedError, error)) throw new Error(`nearestPackColumns: error ${fusedError} is not ${error}`)
  const fused = pair.bytes(packed, columns * (blockBytes + tile.gap))
  pair.call('packColumns', src, stride, rows, columns, block, bits, flip, ...grid, packed, blockBytes + tile.gap)
  expect(pair.bytes(packed, columns * (blockBytes + tile.gap))).toEqual(fused)
}

/** Proposes, measures twice, chooses with refit: returns where the scales are. */
function streamFit(
  pair: Pair,
  src: number,
  rows: number,
  columns: number,
  range: number,
  mode: FitMode,
  maxCode: number,
): number {
  const scales = pair.area(32 * columns * 4)
  const zeros = pair.area(32 * columns)
  const sums = pair.put(new Float64Array(3 * 32 * columns), 'f64')
  const chosen = pair.area(columns * 4)
  const chosenZeros = pair.area(columns)
  const part = 32 * columns * 8
  pair.call('foldColumns', src, columns, rows, columns, range, range + columns * 4)
  const count = pair.call('proposeGrids', range, range + columns * 4, columns, mode, maxCode, 0, scales, zeros)
  expect(count).toBeLessThanOrEqual(32)
  const top = rows >> 1
  const grids = [scales, zeros, count, maxCode, sums, sums + part, sums + part * 2] as const
  pair.call('gridColumns', src, columns, top, columns, ...grids)
  pair.call('gridColumns', src + top * columns * 4, columns, rows - top, columns, ...grids)
  for (const refit of [0, 1] as const) {
    pair.call(
      'chooseGrids',
      scales,
      zeros,
      count,
      columns,
      sums,
      sums + part,
      sums + part * 2,
      refit,
      0,
      chosen,
      1,
      chosenZeros,
      1,
    )
  }
  return chosen
}

function gridsAgree(pair: Pair, rows: number, columns: number): void {
  for (const mode of MODES) {
    for (const maxCode of [3, 15, 255]) {
      pair.clear()
      const src = pair.put(sampleValues(rows * columns, 1, rows), 'f32', 4)
      const range = pair.put([
        ...Array(columns).fill(Number.POSITIVE_INFINITY),
        ...Array(columns).fill(Number.NEGATIVE_INFINITY),
      ])
      streamFit(pair, src, rows, columns, range, mode, maxCode)
      const scales = pair.area(columns * 4)
      const zeros = pair.area(columns)
      if (rows <= 8192) pair.call('fitColumns', src, columns, rows, columns, mode, maxCode, 0, scales, 1, zeros, 1)
    }
  }
}

function runsAgree(pair: Pair, size: number, kind: number): void {
  pair.clear()
  const values = sampleValues(size, kind, size)
  const src = pair.put(values, 'f32', 4)
  const other = pair.put(sampleValues(size, kind, size + 1), 'f32', 12)
  const out = pair.area(16)
  const bins = pair.put(new Uint32Array(50), 'u32')
  const half = pair.area(size * 2, 6)
  const wide = pair.area(size * 4, 4)
  const codes = pair.put(new Uint8Array(values.buffer, 0, size), 'u8', 3)
  expect(pair.call('census', src, size, out)).toBe(-1)
  const [min, max, absmax] = pair.floats(out, 3)
  expect(min).toBe(values.reduce((a, x) => Math.min(a, x), Number.POSITIVE_INFINITY) + 0)
  expect(absmax).toBe(values.reduce((a, x) => Math.max(a, Math.abs(x)), 0))
  expect(max).toBe(values.reduce((a, x) => Math.max(a, x), Number.NEGATIVE_INFINITY) + 0)
  pair.call('squaredError', src, other, size, out)
  pair.call('histogram', src, size, 0.037, bins, 50)
  pair.call('f32ToF16', src, half, size)
  pair.call('f16ToF32', half, wide, size)
  pair.call('f32ToBf16', src, half, size)
  pair.call('bf16ToF32', half, wide, size)
  pair.call('worstPairRows', codes, size, 1, size)
  const width = Math.max(1, size >> 2)
  pair.call('worstPairColumns', codes, width, size === 0 ? 0 : Math.floor(size / width), width)
}
