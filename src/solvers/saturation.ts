import type { Kernels } from '../model/kernels.ts'
import type { QuantizedTensor } from '../model/scheme.ts'
import { aligned, CALL_ELEMENTS } from '../numbers/tiles.ts'

/**
 * x86 without VNNI multiplies u8 activations with s8 weights two at a time and adds the two products in a saturating
 * int16. Activations reach 255, so two weights of one sign next to each other along the reduction can overflow it
 * from |w0 + w1| = 129 on: 255 * 128 = 32640 still fits 32767, 255 * 129 does not.
 */
export const SAFE_PAIR = 128

/**
 * Largest |w0 + w1| over weights of one sign that are neighbours along the reduction axis, taking codes as signed (code - 128).
 * Pairs at any offset count, so padding or splitting the reduction elsewhere changes nothing.
 */
export function worstPair(tensor: QuantizedTensor, kernels: Kernels): number {
  return tensor.view.along === 'row' ? worstAlongRows(tensor, kernels) : worstAlongColumns(tensor, kernels)
}

/** True when some input makes u8 x s8 kernels saturate with these codes stored as signed bytes. */
export function maySaturate(tensor: QuantizedTensor, kernels: Kernels): boolean {
  return worstPair(tensor, kernels) > SAFE_PAIR
}

function worstAlongRows({ view, codes }: QuantizedTensor, kernels: Kernels): number {
  const source = kernels.reserve(aligned(Math.min(CALL_ELEMENTS, codes.length)))
  const bytes = new Uint8Array(kernels.memory)
  const rows = view.stack * view.channels
  const most = Math.max(1, Math.floor(CALL_ELEMENTS / view.depth))
  let worst = 0
  for (let row = 0; row < rows; row += most) {
    const count = Math.min(most, rows - row)
    // Pieces of long rows share one column, so that no pair is missed.
    for (let start = 0; start === 0 || start < view.depth - 1; start += CALL_ELEMENTS - 1) {
      const width = Math.min(CALL_ELEMENTS, view.depth - start)
      const from = row * view.depth + start
      bytes.set(codes.subarray(from, from + count * width), source)
      worst = Math.max(worst, kernels.worstPairRows(source, width, count, width))
    }
  }
  return worst
}

function worstAlongColumns({ view, codes }: QuantizedTensor, kernels: Kernels): number {
  const { stack, channels, depth } = view
  const width = Math.min(channels, CALL_ELEMENTS / 2)
  const most = Math.max(2, Math.floor(CALL_ELEMENTS / width))
  const source = kernels.reserve(aligned(Math.min(most, depth) * width))
  const bytes = new Uint8Array(kernels.memory)
  let worst = 0
  for (let matrix = 0; matrix < stack; matrix++) {
    for (let column = 0; column < channels; column += width) {
      const columns = Math.min(width, channels - column)
      for (let start = 0; start === 0 || start < depth - 1; start += most - 1) {
        const rows = Math.min(most, depth - start)
        for (let row = 0; row < rows; row++) {
          const from = (matrix * depth + start + row) * channels + column
          bytes.set(codes.subarray(from, from + columns), source + row * columns)
        }
        worst = Math.max(worst, kernels.worstPairColumns(source, columns, rows, columns))
      }
    }
  }
  return worst
}
