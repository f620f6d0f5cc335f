/**
 * One code for several neighbouring values: the nearest vector of a table that the whole array shares.
 *
 *   value[vector * i + d] = table[vector * code[i] + d]
 *   code in 0 .. 2^bits - 1      bits / vector per value, and 2^bits vectors of 32 or 16 bits a coordinate
 *
 * Product quantization (Jegou, Douze, Schmid 2011) with one table for all places; k-means with k-means++ seeds.
 */

import { TersorError } from '../../errors.ts'
import type { Codec } from '../../model/array-scheme.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { trainVectors } from './train-vectors.ts'
import { findNearest, type Nearest, type VectorBook, vectorBook } from './vector-book.ts'

export interface ProductOptions {
  /** How the table is stored. */
  readonly table: 'f32' | 'f16'
}

const LARGEST_F16 = 65504
const CLOSED_TURNS = 1
const FAST_TURNS = 25

/**
 * vector: 2 or 4; bits: 4 .. 12. The last vector of a group may be cut short: the coordinates that are there decide.
 * `closed`: seeds and one turn of k-means; `fast`: until it rests, 25 turns at most. No table is known to be the best
 * one, and nothing is promised about single values: the bound is Infinity.
 */
export function productCodec(vector: 2 | 4, bits: number, options: ProductOptions): Codec {
  if (!((vector === 2 || vector === 4) && Number.isInteger(bits) && bits >= 4 && bits <= 12)) {
    throw new TersorError(
      'E_USAGE',
      `expected vectors of 2 or 4 in 4 to 12 bits, found vectors of ${vector} in ${bits}`,
    )
  }
  const count = 2 ** bits
  const nearest: Nearest = { code: 0, distance: 0 }
  // The book of the last table: an array's groups share one.
  let book: VectorBook | null = null
  let known = new Float32Array(0)
  const bookOf = (table: Float32Array): VectorBook => {
    if (book === null || !sameNumbers(known, table)) {
      known = table.slice()
      book = vectorBook(known, vector)
    }
    return book
  }
  return {
    levels: count,
    packing: 'bits',
    vector,
    exactZero: false,
    parameters: [],
    shared: [{ name: 'table', type: options.table, count: count * vector }],
    effort: 'fast',
    efforts: ['closed', 'fast'],
    fitShared(values, effort, shared) {
      const table = trainVectors(values, vector, count, effort === 'closed' ? CLOSED_TURNS : FAST_TURNS)
      for (let i = 0; i < table.length; i++) shared[i] = options.table === 'f16' ? toF16(table[i]!) : table[i]!
    },
    encode({ values, importance }, codes, _, shared) {
      const vectors = bookOf(shared)
      for (let at = 0, i = 0; at < values.length; at += vector, i++) {
        findNearest(vectors, values, importance, at, Math.min(vector, values.length - at), nearest)
        codes[i] = nearest.code
      }
    },
    decode(codes, _, shared, values) {
      for (let at = 0, i = 0; at < values.length; at += vector, i++) {
        const from = codes[i]! * vector
        const length = Math.min(vector, values.length - at)
        for (let d = 0; d < length; d++) values[at + d] = shared[from + d]!
      }
    },
    errorBound: () => Infinity,
  }
}

function sameNumbers(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function toF16(level: number): number {
  const rounded = roundToF16(level)
  return Number.isFinite(rounded) ? rounded : level > 0 ? LARGEST_F16 : -LARGEST_F16
}
