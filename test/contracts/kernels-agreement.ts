import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { FitMode } from '../../src/model/kernels.ts'
import { MODES, PATTERN, type Pair, SAMPLE_KINDS, sampleValues, streamFit, type Tile, tiles } from './kernels-pair.ts'

/** Sizes around every vector width, and the run length of the row kernels. */
const SIZES = [0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65, 255, 1023, 1025]

const isAsymmetric = (mode: FitMode) => mode === FitMode.Asymmetric || mode === FitMode.SearchAsymmetric

/** Same results and same bytes, whatever the sizes, strides, alignments and values. */
export function describeAgreement(pairOf: () => Pair): void {
  describe('the same bits as the oracle', () => {
    let pair: Pair
    beforeAll(() => {
      pair = pairOf()
    })
    const seeded = { seed: 20_260, numRuns: 150 }
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

    it('without error sums: nibbles and plain codes of columns', () => {
      for (const [rows, columns, gap] of [
        [32, 16, 0],
        [64, 48, 3],
        [256, 32, 16],
      ] as const) {
        for (let kind = 0; kind < SAMPLE_KINDS; kind++) plainAgrees(pair, rows, columns, gap, kind)
      }
    })

    it.each([Number.NaN, -Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
      'without error sums: %f is refused wherever it is',
      (bad) => {
        for (const at of [0, 17, 511, 1023]) {
          pair.clear()
          const values = sampleValues(32 * 32, 0, 1).map((x) => (Math.abs(x) < 1 ? x : 0.5))
          values[at] = bad
          const src = pair.put(values)
          const scales = pair.put(new Float32Array(32).fill(0.5))
          const packed = pair.area(32 * 16)
          const codes = pair.area(32 * 32)
          for (const engine of pair.engines) {
            expect(engine.packNibbleColumns(src, 32, 32, 32, 1, 0, 0, scales, 1, packed, 16)).toBe(0)
            expect(engine.encodePlainColumns(src, 32, 32, 32, 0, scales, codes, 32)).toBe(0)
          }
        }
      },
    )

    it('interleaves runs', () => {
      for (const size of [4, 16, 48]) {
        for (const runs of [1, 3, 4]) {
          pair.clear()
          const src = pair.put(
            Uint8Array.from({ length: 5 * runs * size }, (_, i) => i % 251),
            'u8',
          )
          const dst = pair.area(5 * (runs * size + 7))
          pair.call('interleave', src, 5, runs, size, dst, runs * size + 7)
          const third = pair.bytes(dst + 2 * (runs * size + 7) + (runs - 1) * size, size)
          expect(third).toEqual(pair.bytes(src + ((runs - 1) * 5 + 2) * size, size))
        }
      }
    })

    it('plain codes: a code that would be clipped is refused', () => {
      for (const [value, fits] of [
        [127.4, 1],
        [127.5, 0],
        [-128.5, 1],
        [-129, 0],
        [3e38, 0],
      ] as const) {
        pair.clear()
        const src = pair.put(new Float32Array(16).fill(value))
        const scales = pair.put(new Float32Array(16).fill(1))
        const codes = pair.area(16)
        for (const engine of pair.engines) {
          expect(engine.encodePlainColumns(src, 16, 1, 16, 0, scales, codes, 16)).toBe(fits)
        }
      }
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
  const pairs = pair.put([...Array(columns).fill(Number.NaN), ...Array(columns).fill(0)])
  const above = rows >> 1
  pair.call('foldPairs', src, stride, above, columns, pairs, pairs + columns * 4)
  pair.call('foldPairs', src + above * stride * 4, stride, rows - above, columns, pairs, pairs + columns * 4)
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

function plainAgrees(pair: Pair, rows: number, columns: number, gap: number, kind: number): void {
  for (const mode of [FitMode.Symmetric, FitMode.SignedExtreme]) {
    for (const half of [0, 1] as const) {
      pair.clear()
      const stride = columns + gap
      const values = sampleValues(rows * stride, kind, rows + mode).map((x) => (Number.isFinite(x) ? x : 0))
      const src = pair.put(values, 'f32', 4)
      const scales = pair.area(columns * 8, 4)
      const packed = pair.area(columns * (rows / 2 + gap), 5)
      const flip = half * 8
      const result = pair.call(
        'packNibbleColumns',
        ...[src, stride, rows, columns, mode, flip, half, scales, 2, packed, rows / 2 + gap],
      )
      expect(result).toBe(1)
      const fast = pair.bytes(packed, columns * (rows / 2 + gap))
      const fastScales = pair.bytes(scales, columns * 8)
      const rest = [scales, 2, 0, 0, packed, rows / 2 + gap]
      pair.call('nearestPackColumns', src, stride, rows, columns, rows, mode, 4, flip, half, ...rest)
      expect(pair.bytes(packed, columns * (rows / 2 + gap))).toEqual(fast)
      expect(pair.bytes(scales, columns * 8)).toEqual(fastScales)
      const given = [FitMode.SearchSymmetric, flip, half, scales, 2, packed, rows / 2 + gap]
      expect(pair.call('packNibbleColumns', src, stride, rows, columns, ...given)).toBe(1)
      expect(pair.bytes(packed, columns * (rows / 2 + gap))).toEqual(fast)

      const codes = pair.area(rows * stride, 7)
      const grid = [scales, 1, 0, 0] as const
      pair.call('fitColumns', src, stride, rows, columns, mode, 255, half, ...grid)
      const plain = pair.engines.map((engine) =>
        engine.encodePlainColumns(src, stride, rows, columns, half * 128, scales, codes, stride),
      )
      expect(plain[0]).toBe(plain[1])
      if (plain[0] === 0) continue
      const alone = pair.bytes(codes, rows * stride)
      pair.call('encodeColumns', src, stride, rows, columns, 8, half * 128, ...grid, codes, stride)
      expect(pair.bytes(codes, rows * stride)).toEqual(alone)
    }
  }
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
