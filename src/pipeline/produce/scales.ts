import type { Kernels } from '../../model/kernels.ts'
import { packedLength, packInto } from '../../numbers/int.ts'

/** Scales as they are stored: f32, or f16 when the scheme says so (values are already rounded to f16). */
export function scaleBytes(
  kernels: Kernels,
  scales: number,
  count: number,
  type: 'f32' | 'f16',
  scratch: number,
): Uint8Array {
  if (type === 'f32') return new Uint8Array(kernels.memory, scales, count * 4)
  kernels.f32ToF16(scales, scratch, count)
  return new Uint8Array(kernels.memory, scratch, count * 2)
}

/** Zero codes of `rows` rows of `blocks`, packed low first, every row padded to a byte. `bits` 8 is a plain copy. */
export function packZeroRows(zeros: Uint8Array, rows: number, blocks: number, bits: number): Uint8Array {
  if (bits === 8) return zeros
  const rowBytes = packedLength(blocks, bits)
  const packed = new Uint8Array(rows * rowBytes)
  for (let r = 0; r < rows; r++) packInto(zeros, r * blocks, blocks, bits, 0, packed, r * rowBytes)
  return packed
}
