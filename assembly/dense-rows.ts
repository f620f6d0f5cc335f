// Rows of arrays to dense codes and back, with the fit in the same pass over memory. Twin: src/kernels/reference/dense-rows.ts.
import { CODES, least } from './memory'
import { denseBytes, packDense, unpackDense } from './dense'
import { encodeIntegers } from './integers'
import { decodeLevels, encodeLevels } from './levels'
import { fitMagnitudes } from './magnitude'
import { fitReach } from './reach'
import { encodeFloats } from './small-float'

// ScaleRule of src/model/kernels.ts.
const GIVEN: i32 = 0
const REACH: i32 = 1
const SIGNED: i32 = 2
const MEAN: i32 = 3

/** Codes that are packed at a time: whole bytes of every packing, whole vectors, few enough for the first-level cache. */
const CHUNK: i32 = 2560

function fitBlocks(p: usize, count: i32, block: i32, rule: i32, up: f32, down: f32, halfScales: i32, scales: usize): void {
  if (rule <= SIGNED) fitReach(p, count, block, rule == SIGNED, up, down, halfScales, scales)
  else fitMagnitudes(p, count, block, rule != MEAN, halfScales, scales)
}

const INTEGERS: i32 = 0
const LEVELS: i32 = 1

/** `about` and `more`: zero and last code of integers, the table of levels, or the format of small floats. */
function packRowsAs(kind: i32, src: usize, stride: usize, rows: i32, columns: i32, block: i32, rule: i32, up: f32, down: f32, halfScales: i32, perByte: i32, about: i32, more: i32, scales: usize, dst: usize, dstStride: usize): void {
  for (; rows > 0; rows--, src += stride << 2, dst += dstStride) {
    let fitted = 0
    let to = dst
    for (let at = 0; at < columns; at += CHUNK) {
      const run = least(CHUNK, columns - at)
      const missing = at + run - fitted
      if (rule != GIVEN && missing > 0) {
        const count = least((missing + block - 1) / block * block, columns - fitted)
        fitBlocks(src + (<usize>fitted << 2), count, block, rule, up, down, halfScales, scales + (<usize>(fitted / block) << 2))
        fitted += count
      }
      const p = src + (<usize>at << 2)
      const first = block - at % block
      const own = scales + (<usize>(at / block) << 2)
      const codes = perByte == 1 ? to : CODES
      if (kind == INTEGERS) encodeIntegers(p, run, block, first, about, more, own, codes)
      else if (kind == LEVELS) encodeLevels(p, run, block, first, about, own, codes)
      else encodeFloats(p, run, block, first, about, more, own, codes)
      if (perByte > 1) packDense(CODES, run, perByte, to)
      to += denseBytes(run, perByte)
    }
    scales += <usize>((columns + block - 1) / block) << 2
  }
}

export function packIntegerRows(src: usize, stride: usize, rows: i32, columns: i32, block: i32, rule: i32, up: f32, down: f32, halfScales: i32, zero: i32, maxCode: i32, perByte: i32, scales: usize, dst: usize, dstStride: usize): void {
  packRowsAs(INTEGERS, src, stride, rows, columns, block, rule, up, down, halfScales, perByte, zero, maxCode, scales, dst, dstStride)
}

export function packLevelRows(src: usize, stride: usize, rows: i32, columns: i32, block: i32, rule: i32, up: f32, down: f32, halfScales: i32, table: usize, perByte: i32, scales: usize, dst: usize, dstStride: usize): void {
  packRowsAs(LEVELS, src, stride, rows, columns, block, rule, up, down, halfScales, perByte, <i32>table, 0, scales, dst, dstStride)
}

export function packFloatRows(src: usize, stride: usize, rows: i32, columns: i32, block: i32, rule: i32, up: f32, down: f32, halfScales: i32, format: i32, signedZero: i32, scales: usize, dst: usize, dstStride: usize): void {
  packRowsAs(2, src, stride, rows, columns, block, rule, up, down, halfScales, 1, format, signedZero, scales, dst, dstStride)
}

export function unpackLevelRows(src: usize, srcStride: usize, rows: i32, columns: i32, block: i32, perByte: i32, table: usize, scales: usize, dst: usize, stride: usize): void {
  for (; rows > 0; rows--, src += srcStride, dst += stride << 2) {
    let from = src
    for (let at = 0; at < columns; at += CHUNK) {
      const run = least(CHUNK, columns - at)
      unpackDense(from, run, perByte, CODES)
      decodeLevels(run, block, block - at % block, table, scales + (<usize>(at / block) << 2), dst + (<usize>at << 2))
      from += denseBytes(run, perByte)
    }
    scales += <usize>((columns + block - 1) / block) << 2
  }
}

@inline function levelsOf(codes: usize, levels: usize): v128 {
  const a = v128.load32_zero(levels + (<usize>i32.load8_u(codes) << 2))
  const b = v128.load32_lane(levels + (<usize>i32.load8_u(codes, 1) << 2), a, 1)
  const c = v128.load32_lane(levels + (<usize>i32.load8_u(codes, 2) << 2), b, 2)
  return v128.load32_lane(levels + (<usize>i32.load8_u(codes, 3) << 2), c, 3)
}

export function decodeByteRows(codes: usize, codeStride: usize, rows: i32, columns: i32, block: i32, levels: usize, scales: usize, dst: usize, stride: usize): void {
  for (; rows > 0; rows--, codes += codeStride, dst += stride << 2) {
    let from = codes
    let to = dst
    for (let left = columns; left > 0; left -= block, scales += 4) {
      const scale = v128.load32_splat(scales)
      let run = least(block, left)
      for (; run >= 8; run -= 8, from += 8, to += 32) {
        v128.store(to, f32x4.mul(scale, levelsOf(from, levels)))
        v128.store(to, f32x4.mul(scale, levelsOf(from + 4, levels)), 16)
      }
      for (; run > 0; run--, from++, to += 4) {
        f32.store(to, f32.load(scales) * f32.load(levels + (<usize>i32.load8_u(from) << 2)))
      }
    }
  }
}

export function fitScaleRows(src: usize, stride: usize, rows: i32, columns: i32, block: i32, rule: i32, up: f32, down: f32, halfScales: i32, scales: usize): void {
  for (; rows > 0; rows--, src += stride << 2) {
    fitBlocks(src, columns, block, rule, up, down, halfScales, scales)
    scales += <usize>((columns + block - 1) / block) << 2
  }
}
