/**
 * Integer schemes (int8-channel-sym, int4-block32-asym-f16, ...): evenly spaced levels, one grid per tensor, channel or block.
 *
 *   value = scale * (code - zero)      code in 0 .. 2^bits - 1, symmetric: zero = 2^(bits-1)      bits + grid bits per weight
 *
 * Affine quantization as in ONNX DequantizeLinear; a symmetric scale may be negative (ggml's Q4_0 rule). Scales are
 * rounded to their stored type before any code is chosen, so codes match what the reader will see.
 */

import { TersorError } from '../errors.ts'
import type { Kernels } from '../model/kernels.ts'
import type { QuantizedTensor, SchemeSpec } from '../model/scheme.ts'
import { gridShapeOf, schemeByteLength, viewElementCount } from '../numbers/grid-shape.ts'
import { halfOf } from '../numbers/int.ts'
import { aligned, CALL_ELEMENTS, columnStrips, columnTiles, rowTiles } from '../numbers/tiles.ts'

export type IntegerSpec = SchemeSpec & { readonly family: 'integer' }
type IntegerTensor = QuantizedTensor<IntegerSpec>

/** Zero decodes to exactly 0 in every integer scheme: the zero is a code. */
export const exactZero = true

/** Bits per weight of a tensor of this view, grids included. */
export function bitsPerWeight(spec: SchemeSpec, view: QuantizedTensor['view']): number {
  return (schemeByteLength(spec, view) * 8) / viewElementCount(view)
}

/**
 * Largest |x - decode(encode(x))| for x in [low, high] on one grid: half a step inside the grid, the distance to the
 * last level beyond it. Exact arithmetic is assumed; f32 rounding adds at most a few ulps of the largest level.
 */
export function errorBound(spec: IntegerSpec, scale: number, zero: number, low: number, high: number): number {
  const first = scale * (0 - zero)
  const last = scale * (2 * halfOf(spec.bits) - 1 - zero)
  const bottom = Math.min(first, last)
  const top = Math.max(first, last)
  return Math.max(Math.abs(scale) / 2, bottom - low, high - top)
}

/** Values of a quantized tensor, in source order. Throws E_PLAN when its arrays do not fit its view. */
export function decodeIntegers(tensor: IntegerTensor, kernels: Kernels): Float32Array {
  checkLengths(tensor)
  const { spec, view } = tensor
  const values = new Float32Array(tensor.codes.length)
  if (values.length === 0) return values
  if (spec.granularity.kind === 'tensor') {
    decodeRows(tensor, kernels, values, 1, values.length, values.length)
  } else if (view.along === 'row') {
    const { blockSize } = gridShapeOf(spec.granularity, view)
    decodeRows(tensor, kernels, values, view.stack * view.channels, view.depth, blockSize)
  } else {
    for (let matrix = 0; matrix < view.stack; matrix++) decodeColumns(tensor, kernels, values, matrix)
  }
  return values
}

function decodeRows(
  tensor: IntegerTensor,
  kernels: Kernels,
  values: Float32Array,
  rows: number,
  columns: number,
  block: number,
): void {
  const most = Math.min(CALL_ELEMENTS, values.length)
  const codes = kernels.reserve(aligned(most) + 2 * aligned(4 * most) + aligned(most))
  const target = codes + aligned(most)
  const scales = target + aligned(4 * most)
  const zeros = scales + aligned(4 * most)
  const bytes = new Uint8Array(kernels.memory)
  const floats = new Float32Array(kernels.memory)
  for (const tile of rowTiles(rows, columns, block)) {
    const count = tile.rows * tile.columns
    const lastGrid = tile.firstGrid + tile.rows * Math.ceil(tile.columns / tile.block)
    bytes.set(tensor.codes.subarray(tile.start, tile.start + count), codes)
    floats.set(tensor.scales.subarray(tile.firstGrid, lastGrid), scales / 4)
    if (tensor.zeros) bytes.set(tensor.zeros.subarray(tile.firstGrid, lastGrid), zeros)
    const { bits } = tensor.spec
    const zerosOrNull = tensor.zeros ? zeros : 0
    kernels.decodeRows(
      codes,
      tile.columns,
      tile.rows,
      tile.columns,
      tile.block,
      bits,
      scales,
      zerosOrNull,
      target,
      tile.columns,
    )
    values.set(floats.subarray(target / 4, target / 4 + count), tile.start)
  }
}

function decodeColumns(tensor: IntegerTensor, kernels: Kernels, values: Float32Array, matrix: number): void {
  const { channels, depth } = tensor.view
  const { blockSize, blocks } = gridShapeOf(tensor.spec.granularity, tensor.view)
  const origin = matrix * depth * channels
  // Blocks may come in parts here, so long ones need not narrow the strips.
  for (const strip of columnStrips(channels, Math.min(blockSize, 4096), blocks)) {
    const most = Math.min(CALL_ELEMENTS, strip.columns * depth)
    const grids = strip.columns * blocks
    const codes = kernels.reserve(aligned(most) + aligned(4 * most) + aligned(4 * grids) + aligned(grids))
    const target = codes + aligned(most)
    const scales = target + aligned(4 * most)
    const zeros = scales + aligned(4 * grids)
    const bytes = new Uint8Array(kernels.memory)
    const floats = new Float32Array(kernels.memory)
    const firstGrid = (matrix * channels + strip.column) * blocks
    floats.set(tensor.scales.subarray(firstGrid, firstGrid + grids), scales / 4)
    if (tensor.zeros) bytes.set(tensor.zeros.subarray(firstGrid, firstGrid + grids), zeros)
    for (const tile of columnTiles(depth, strip.columns, blockSize)) {
      const width = strip.columns
      for (let row = 0; row < tile.rows; row++) {
        const from = origin + (tile.row + row) * channels + strip.column
        bytes.set(tensor.codes.subarray(from, from + width), codes + row * width)
      }
      const { bits } = tensor.spec
      const zerosOrNull = tensor.zeros ? zeros + tile.block : 0
      const scale = scales + 4 * tile.block
      kernels.decodeColumns(codes, width, tile.rows, width, bits, scale, blocks, zerosOrNull, blocks, target, width)
      for (let row = 0; row < tile.rows; row++) {
        const from = target / 4 + row * width
        values.set(floats.subarray(from, from + width), origin + (tile.row + row) * channels + strip.column)
      }
    }
  }
}

function checkLengths(tensor: IntegerTensor): void {
  const count = viewElementCount(tensor.view)
  const { grids } = gridShapeOf(tensor.spec.granularity, tensor.view)
  const zeros = tensor.spec.symmetric ? undefined : grids
  const { codes, scales } = tensor
  if (codes.length !== count || scales.length !== grids || tensor.zeros?.length !== zeros) {
    const found = `${codes.length}, ${scales.length} and ${tensor.zeros?.length ?? 'no'}`
    throw new TersorError(
      'E_PLAN',
      `expected ${count} codes, ${grids} scales and ${zeros ?? 'no'} zeros, found ${found}`,
    )
  }
}
