import { LEVEL_TABLE_BYTES, ScaleRule, type SmallFloatFormat } from '../../model/kernels.ts'
import type { Arena } from './arena.ts'
import { fitScaleRows } from './block-scale.ts'
import { denseBytes, packDense, unpackDense } from './dense.ts'
import { TABLE } from './level-table.ts'
import { clampTo } from './nearest.ts'
import { inverseOf, roundEven } from './scale.ts'
import { encodeSmallFloat } from './small-float.ts'

const { fround } = Math

/** Where values and scales lie, and how the scales are found. */
interface Rows {
  readonly src: number
  readonly stride: number
  readonly rows: number
  readonly columns: number
  readonly block: number
  readonly rule: ScaleRule
  readonly up: number
  readonly down: number
  readonly halfScales: 0 | 1
  readonly scales: number
}

/** Scales, then the code of every fround(x * inverse). */
function packRowsWith(
  arena: Arena,
  tile: Rows,
  perByte: number,
  dst: number,
  dstStride: number,
  codeOf: (t: number) => number,
): void {
  const { src, stride, rows, columns, block, rule, up, down, halfScales, scales } = tile
  if (rule !== ScaleRule.Given) {
    fitScaleRows(arena, src, stride, rows, columns, block, rule, up, down, halfScales, scales)
  }
  const { f32, u8 } = arena
  const blocks = Math.ceil(columns / block)
  const codes = new Uint8Array(columns)
  for (let row = 0; row < rows; row++) {
    let inverse = 0
    for (let column = 0; column < columns; column++) {
      if (column % block === 0) inverse = inverseOf(f32[scales / 4 + row * blocks + column / block]!)
      codes[column] = codeOf(fround(f32[src / 4 + row * stride + column]! * inverse))
    }
    packDense(codes, perByte, u8, dst + row * dstStride)
  }
}

export function packIntegerRows(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  block: number,
  rule: ScaleRule,
  up: number,
  down: number,
  halfScales: 0 | 1,
  zero: number,
  maxCode: number,
  perByte: number,
  scales: number,
  dst: number,
  dstStride: number,
): void {
  const tile = { src, stride, rows, columns, block, rule, up, down, halfScales, scales }
  packRowsWith(arena, tile, perByte, dst, dstStride, (t) => roundEven(clampTo(t, -zero, maxCode - zero)) + zero)
}

export function packLevelRows(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  block: number,
  rule: ScaleRule,
  up: number,
  down: number,
  halfScales: 0 | 1,
  table: number,
  perByte: number,
  scales: number,
  dst: number,
  dstStride: number,
): void {
  const { thresholds, order } = readTable(arena, table)
  const tile = { src, stride, rows, columns, block, rule, up, down, halfScales, scales }
  packRowsWith(arena, tile, perByte, dst, dstStride, (t) => {
    let index = 0
    while (t > thresholds[index]!) index++
    return order[index]!
  })
}

export function packFloatRows(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  block: number,
  rule: ScaleRule,
  up: number,
  down: number,
  halfScales: 0 | 1,
  format: SmallFloatFormat,
  signedZero: 0 | 1,
  scales: number,
  dst: number,
  dstStride: number,
): void {
  const tile = { src, stride, rows, columns, block, rule, up, down, halfScales, scales }
  packRowsWith(arena, tile, 1, dst, dstStride, (t) => encodeSmallFloat(t, format, signedZero))
}

/** `thresholds` end in +inf. */
function readTable(arena: Arena, table: number): { thresholds: Float32Array; order: Uint8Array; levels: Float32Array } {
  const bytes = arena.u8.slice(table, table + LEVEL_TABLE_BYTES)
  const view = new DataView(bytes.buffer)
  const count = view.getInt32(TABLE.count, true)
  const thresholds = new Float32Array(count + 1).fill(Infinity)
  for (let i = 0; i < count; i++) thresholds[i] = view.getFloat32(TABLE.thresholds + i * 4, true)
  const together = new DataView(new ArrayBuffer(64))
  for (let i = 0; i < 64; i++) together.setUint8((i % 16) * 4 + Math.floor(i / 16), bytes[TABLE.levels + i]!)
  const levels = Float32Array.from({ length: 16 }, (_, code) => together.getFloat32(code * 4, true))
  return { thresholds, order: bytes.slice(TABLE.order, TABLE.order + 16), levels }
}

export function unpackLevelRows(
  arena: Arena,
  src: number,
  srcStride: number,
  rows: number,
  columns: number,
  block: number,
  perByte: number,
  table: number,
  scales: number,
  dst: number,
  stride: number,
): void {
  const { f32, u8 } = arena
  const { levels } = readTable(arena, table)
  const blocks = Math.ceil(columns / block)
  const codes = new Uint8Array(columns)
  for (let row = 0; row < rows; row++) {
    const at = src + row * srcStride
    unpackDense(u8.subarray(at, at + denseBytes(columns, perByte)), perByte, codes)
    for (let column = 0; column < columns; column++) {
      const scale = f32[scales / 4 + row * blocks + Math.floor(column / block)]!
      f32[dst / 4 + row * stride + column] = fround(scale * (levels[codes[column]!] ?? 0))
    }
  }
}

export function decodeByteRows(
  arena: Arena,
  codes: number,
  codeStride: number,
  rows: number,
  columns: number,
  block: number,
  levels: number,
  scales: number,
  dst: number,
  stride: number,
): void {
  const { f32, u8 } = arena
  const blocks = Math.ceil(columns / block)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const scale = f32[scales / 4 + row * blocks + Math.floor(column / block)]!
      const level = f32[levels / 4 + u8[codes + row * codeStride + column]!]!
      f32[dst / 4 + row * stride + column] = fround(scale * level)
    }
  }
}
