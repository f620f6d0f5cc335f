import { TersorError } from '../errors.ts'
import type { DType } from '../model/dtype.ts'

const BIT_WIDTHS: Readonly<Record<Exclude<DType, 'string'>, number>> = {
  f64: 64,
  f32: 32,
  f16: 16,
  bf16: 16,
  e4m3fn: 8,
  e4m3fnuz: 8,
  e5m2: 8,
  e5m2fnuz: 8,
  e8m0: 8,
  e2m1: 4,
  i64: 64,
  i32: 32,
  i16: 16,
  i8: 8,
  i4: 4,
  i2: 2,
  u64: 64,
  u32: 32,
  u16: 16,
  u8: 8,
  u4: 4,
  u2: 2,
  bool: 8,
  c64: 64,
  c128: 128,
}

const FLOATS: ReadonlySet<DType> = new Set([
  'f64',
  'f32',
  'f16',
  'bf16',
  'e4m3fn',
  'e4m3fnuz',
  'e5m2',
  'e5m2fnuz',
  'e8m0',
  'e2m1',
])
const SIGNED: ReadonlySet<DType> = new Set(['i64', 'i32', 'i16', 'i8', 'i4', 'i2'])
const UNSIGNED: ReadonlySet<DType> = new Set(['u64', 'u32', 'u16', 'u8', 'u4', 'u2'])

/** Bits of one element in a packed tensor. Throws E_UNSUPPORTED for strings, which have no fixed width. */
export function bitWidthOf(dtype: DType): number {
  if (dtype === 'string') {
    throw new TersorError('E_UNSUPPORTED', 'expected elements of fixed width, found strings')
  }
  return BIT_WIDTHS[dtype]
}

/** Real floating-point types of any width. */
export function isFloat(dtype: DType): boolean {
  return FLOATS.has(dtype)
}

export function isInteger(dtype: DType): boolean {
  return SIGNED.has(dtype) || UNSIGNED.has(dtype)
}

export function isSignedInteger(dtype: DType): boolean {
  return SIGNED.has(dtype)
}

/**
 * Bytes of `elementCount` packed elements; elements under one byte fill bytes, the last one padded.
 * Throws E_LIMIT when the count is not a non-negative integer or the result is not exact in a double.
 */
export function byteLengthOf(dtype: DType, elementCount: number): number {
  if (!Number.isSafeInteger(elementCount) || elementCount < 0) {
    throw new TersorError('E_LIMIT', `expected a number of elements below 2^53, found ${elementCount}`)
  }
  const bitWidth = bitWidthOf(dtype)
  if (bitWidth < 8) {
    const perByte = 8 / bitWidth
    const rest = elementCount % perByte
    return (elementCount - rest) / perByte + (rest > 0 ? 1 : 0)
  }
  const byteLength = elementCount * (bitWidth / 8)
  if (!Number.isSafeInteger(byteLength)) {
    throw new TersorError('E_LIMIT', `expected a byte length below 2^53, found ${elementCount} elements of ${dtype}`)
  }
  return byteLength
}

/**
 * Product of dimensions; 1 for a scalar. Throws E_LIMIT when a dimension is not a non-negative integer or
 * the product is not exact in a double, whatever the order of dimensions (a zero does not hide an overflow).
 */
export function elementCountOf(shape: readonly number[]): number {
  let count = 1
  let empty = false
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw new TersorError('E_LIMIT', `expected dimensions of 0 to 2^53, found ${dimension} in [${shape.join(', ')}]`)
    }
    if (dimension === 0) empty = true
    else count *= dimension
    if (!Number.isSafeInteger(count)) {
      throw new TersorError('E_LIMIT', `expected fewer than 2^53 elements, found shape [${shape.join(', ')}]`)
    }
  }
  return empty ? 0 : count
}
