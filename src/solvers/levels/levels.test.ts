import { describe, expect, test } from 'vitest'
import { codes, readGolden, values } from '../../../test/golden/read.ts'
import { bnb4 } from '../../formats/onnx/packings/bnb4.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { CodedSpec } from '../../model/packing.ts'
import type { MatrixView } from '../../model/scheme.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { codeLevels, TABLE_NAMES } from '../../numbers/level-tables/code-levels.ts'
import { uniform } from '../../numbers/rounding.ts'
import { decode, parseSchemeId } from '../../schemes/index.ts'
import { solveTensor } from '../solve.ts'

const kernels = createKernelsSync()
const spec = (id: string): CodedSpec => parseSchemeId(id) as CodedSpec

/** Roughly normal. */
const weights = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => {
    let sum = -2
    for (let k = 0; k < 4; k++) sum += uniform(seed, 4 * i + k)
    return sum
  })

interface Golden {
  readonly table: string
  readonly block: number
  readonly shape: readonly [number, number]
  readonly weight: string
  readonly codes: string
  readonly scales: string
}

describe('nearest is what onnxruntime makes for MatMulBnb4, bit for bit', () => {
  for (const one of readGolden<Golden>('onnx-bnb4.json').cases) {
    const [channels, depth] = one.shape
    test(`${one.table} ${channels}x${depth} in ${one.block}`, () => {
      const kind = depth % one.block === 0 ? 'block' : 'run'
      const view: MatrixView = { stack: 1, channels, depth, along: 'row' }
      const own = spec(`${one.table}-${kind}${one.block}`)
      const { quantized } = solveTensor(values(one.weight), view, own, 'nearest', kernels)
      const [packed, scales] = bnb4.pack(quantized, one.shape) as [Uint8Array, Uint8Array]
      expect([...packed]).toEqual([...codes(one.codes)])
      expect(scales).toEqual(new Uint8Array(values(one.scales).buffer))
    })
  }
})

describe('every table', () => {
  const ids = [...TABLE_NAMES.filter((name) => name !== 'shift1nz'), 'ternary', 'binary'].flatMap((name) => [
    ...[`${name}-block16`, `${name}-channel-f16`, `${name}-tensor`],
  ])
  test.each(ids)('%s: search is never worse than nearest, and what it says of its error is so', (id) => {
    for (const along of ['row', 'column'] as const) {
      const view: MatrixView = { stack: 2, channels: 5, depth: 37, along }
      const given = weights(2 * 5 * 37, 3)
      const [nearest, search] = (['nearest', 'search'] as const).map((solver) =>
        solveTensor(given, view, spec(id), solver, kernels),
      ) as [ReturnType<typeof solveTensor>, ReturnType<typeof solveTensor>]
      expect(search.squaredError).toBeLessThanOrEqual(nearest.squaredError * (1 + 1e-12))
      const decoded = decode(search.quantized, kernels)
      const error = given.reduce((sum, value, i) => sum + (value - (decoded[i] as number)) ** 2, 0)
      expect(error).toBeCloseTo(search.squaredError, 6)
      const own = codeLevels(spec(id))?.codes ?? new Uint8Array()
      expect(search.quantized.codes.every((code) => own.includes(code))).toBe(true)
      if (id.endsWith('f16')) expect(search.quantized.scales.every((scale) => roundToF16(scale) === scale)).toBe(true)
    }
  })
})

test('the same weights stored the other way round have the same grids', () => {
  const [channels, depth] = [6, 43]
  const given = weights(channels * depth, 5)
  const turned = Float32Array.from(
    { length: given.length },
    (_, i) => given[(i % channels) * depth + Math.floor(i / channels)] as number,
  )
  for (const id of ['nf4-run16', 'ternary-block16', 'fp4-channel']) {
    const rows = solveTensor(given, { stack: 1, channels, depth, along: 'row' }, spec(id), 'search', kernels)
    const columns = solveTensor(turned, { stack: 1, channels, depth, along: 'column' }, spec(id), 'search', kernels)
    expect(columns.quantized.scales).toEqual(rows.quantized.scales)
    expect(columns.squaredError).toBe(rows.squaredError)
  }
})

test('zeros, outliers, the smallest and the largest numbers', () => {
  const view: MatrixView = { stack: 1, channels: 4, depth: 16, along: 'row' }
  const given = new Float32Array(64)
  given.set([1e-44, -1e-44, 1e-44], 16)
  given.set([3e38, -1, 2], 32)
  given.set([1e5, -1], 48)
  for (const id of [
    'nf4-block16',
    'nf4-block16-f16',
    'ternary-block16',
    'binary-block16',
    'iq4nl-block16-f16',
    'e4m3fn-block16',
  ]) {
    for (const solver of ['nearest', 'search'] as const) {
      const { quantized } = solveTensor(given, view, spec(id), solver, kernels)
      expect(quantized.scales[0]).toBe(0)
      expect(quantized.scales.every(Number.isFinite)).toBe(true)
      expect(decode(quantized, kernels).every(Number.isFinite)).toBe(true)
    }
  }
})
