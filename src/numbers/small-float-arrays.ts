import { decodeBf16Array, encodeBf16Array } from './bf16.ts'
import { decodeF16Array, encodeF16Array } from './f16.ts'
import { FLOAT_LAYOUTS } from './float-layouts.ts'
import {
  decodeSmallFloat,
  encodeSmallFloat,
  type FloatName,
  type FloatRounding,
  type Overflow,
  overflowOf,
  smallFloatValues,
} from './small-floats.ts'

/** Formats whose codes have up to 16 bits. */
export type CodedFloat = Exclude<FloatName, 'tf32'>

const floats = new Float32Array(1)
const words = new Uint32Array(floats.buffer)

/** From this many values on, a table of all upper halves pays. */
const LEAST_FOR_TABLE = 100_000

/**
 * Codes of all values, as `encodeSmallFloat` gives them; stochastic rounding draws from (seed, index + position). Throws what
 * it throws.
 */
export function encodeSmallFloats(
  values: Float32Array,
  dtype: CodedFloat,
  codes: Uint8Array | Uint16Array,
  options: FloatRounding = {},
): void {
  const { rounding = 'half-even', overflow = overflowOf(dtype), seed = 0, index = 0 } = options
  if ((dtype === 'f16' || dtype === 'bf16') && rounding === 'half-even' && codes instanceof Uint16Array) {
    if (dtype === 'f16') encodeF16Array(values, codes)
    else encodeBf16Array(values, codes)
    if (overflow !== 'infinity') replaceInfinities(codes.subarray(0, values.length), dtype, overflow)
    return
  }
  if (FLOAT_LAYOUTS[dtype].bits <= 8 && rounding !== 'stochastic' && values.length >= LEAST_FOR_TABLE) {
    encodeByTable(values, tableOfHalves(dtype, { rounding, overflow }), codes)
    return
  }
  const drawn = { rounding, overflow, seed, index }
  for (let position = 0; position < values.length; position++) {
    drawn.index = index + position
    codes[position] = encodeSmallFloat(values[position]!, dtype, drawn)
  }
}

function replaceInfinities(codes: Uint16Array, dtype: 'f16' | 'bf16', overflow: Overflow): void {
  const { infinity, largest, nan } = FLOAT_LAYOUTS[dtype]
  const replacement = overflow === 'nan' ? nan : largest
  for (let position = 0; position < codes.length; position++) {
    const code = codes[position]!
    if ((code & 0x7fff) === infinity) codes[position] = (code & 0x8000) | replacement
  }
}

/** Values of all codes. */
export function decodeSmallFloats(codes: Uint8Array | Uint16Array, dtype: CodedFloat, values: Float32Array): void {
  if (codes instanceof Uint16Array && (dtype === 'f16' || dtype === 'bf16')) {
    values.set(dtype === 'f16' ? decodeF16Array(codes) : decodeBf16Array(codes))
    return
  }
  if (dtype === 'f16' || dtype === 'bf16') {
    for (let position = 0; position < codes.length; position++)
      values[position] = decodeSmallFloat(codes[position]!, dtype)
    return
  }
  const table = smallFloatValues(dtype)
  const mask = table.length - 1
  for (let position = 0; position < codes.length; position++) values[position] = table[codes[position]! & mask]!
}

/** tf32 has 19 bits and is stored as the f32 that it is: rounds all values in place. */
export function roundToTf32(values: Float32Array, options: FloatRounding = {}): void {
  const { rounding = 'half-even', overflow = overflowOf('tf32'), seed = 0, index = 0 } = options
  const drawn = { rounding, overflow, seed, index }
  for (let position = 0; position < values.length; position++) {
    drawn.index = index + position
    values[position] = decodeSmallFloat(encodeSmallFloat(values[position]!, 'tf32', drawn), 'tf32')
  }
}

/**
 * The upper half of an f32 has seven bits of the fraction; formats of up to 8 bits keep three. Their rounding looks at that half and at
 * whether anything follows: code = table[2 * half + (rest > 0)].
 */
function tableOfHalves(dtype: CodedFloat, options: FloatRounding): Uint8Array {
  const table = new Uint8Array(131072)
  for (let entry = 0; entry < table.length; entry++) {
    words[0] = (entry >>> 1) * 65536 + (entry & 1)
    table[entry] = encodeSmallFloat(floats[0]!, dtype, options)
  }
  return table
}

function encodeByTable(values: Float32Array, table: Uint8Array, codes: Uint8Array | Uint16Array): void {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let position = 0; position < source.length; position++) {
    const word = source[position]!
    codes[position] = table[((word >>> 16) << 1) | ((word & 0xffff) === 0 ? 0 : 1)]!
  }
}
