import { expect, test } from 'vitest'
import { TersorError } from '../errors.ts'
import type { MatrixView } from '../model/scheme.ts'
import { gridShapeOf, schemeByteLength, viewElementCount } from './grid-shape.ts'

const view: MatrixView = { stack: 2, channels: 3, depth: 40, along: 'row' }

test('grids per tensor, channel and block', () => {
  expect(gridShapeOf({ kind: 'tensor' }, view)).toEqual({ blockSize: 40, blocks: 1, grids: 1 })
  expect(gridShapeOf({ kind: 'channel' }, view)).toEqual({ blockSize: 40, blocks: 1, grids: 6 })
  expect(gridShapeOf({ kind: 'block', size: 16 }, view)).toEqual({ blockSize: 16, blocks: 3, grids: 18 })
  expect(gridShapeOf({ kind: 'block', size: 64 }, view)).toEqual({ blockSize: 64, blocks: 1, grids: 6 })
})

test('bytes of codes, scales and zeros', () => {
  const granularity = { kind: 'block', size: 16 } as const
  const base = { family: 'integer', bits: 4, granularity, symmetric: true, scale: 'f32' } as const
  expect(schemeByteLength(base, view)).toBe(120 + 72)
  expect(schemeByteLength({ ...base, symmetric: false }, view)).toBe(120 + 72 + 9)
  expect(schemeByteLength({ ...base, symmetric: false, scale: 'f16' }, view)).toBe(120 + 36 + 9)
  expect(schemeByteLength({ family: 'half', dtype: 'bf16' }, view)).toBe(480)
})

test('element counts beyond doubles are refused', () => {
  expect(viewElementCount(view)).toBe(240)
  expect(() => viewElementCount({ ...view, channels: 2 ** 40, depth: 2 ** 40 })).toThrow(TersorError)
})
