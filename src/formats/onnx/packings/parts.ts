import { TersorError } from '../../../errors.ts'
import type { DType } from '../../../model/dtype.ts'
import type { CodedSpec, PackedPart, Refusal } from '../../../model/packing.ts'
import type { MatrixView, QuantizedTensor } from '../../../model/scheme.ts'
import { byteLengthOf, elementCountOf } from '../../../numbers/dtype.ts'
import { decodeF16Array, encodeF16Array } from '../../../numbers/f16.ts'
import { gridShapeOf, viewElementCount } from '../../../numbers/grid-shape.ts'

/*
 * Typed arrays are read and written in the byte order of the machine, which is little-endian wherever
 * JavaScript runs WebAssembly; files are little-endian as well.
 */

export function part(name: PackedPart['part'], dtype: DType, shape: readonly number[]): PackedPart {
  return { part: name, dtype, shape, byteLength: byteLengthOf(dtype, elementCountOf(shape)) }
}

export function refusal(code: string, text: string): Refusal {
  return { code, text }
}

/** What every packing asks: a view that covers the shape, and at least one element. */
export function refuseMismatch(view: MatrixView, shape: readonly number[]): Refusal | null {
  const count = elementCountOf(shape)
  if (count === 0) return refusal('empty', 'the tensor has no elements')
  if (viewElementCount(view) !== count) {
    return refusal('view', `the view covers ${viewElementCount(view)} elements, the tensor has ${count}`)
  }
  return null
}

/** Scales as bytes of their stored type. They were rounded to it when they were chosen. */
export function scalesToBytes(scales: Float32Array, type: 'f32' | 'f16'): Uint8Array {
  if (type === 'f32') return new Uint8Array(scales.slice().buffer)
  const codes = new Uint16Array(scales.length)
  encodeF16Array(scales, codes)
  return new Uint8Array(codes.buffer)
}

export function scalesFromBytes(bytes: Uint8Array, type: 'f32' | 'f16'): Float32Array {
  const { buffer } = bytes.slice()
  return type === 'f32' ? new Float32Array(buffer) : decodeF16Array(new Uint16Array(buffer))
}

/** Throws E_PLAN when a packing is asked for something it refuses. */
export function demand(refused: Refusal | null, packing: string): void {
  if (refused !== null) throw new TersorError('E_PLAN', `${packing}: ${refused.text}`)
}

/** Throws E_PLAN when the arrays do not have the lengths that spec and view give. */
export function demandLengths(tensor: QuantizedTensor, packing: string): void {
  const { grids } = gridShapeOf(tensor.spec.granularity, tensor.view)
  const count = viewElementCount(tensor.view)
  const zeros = tensor.spec.symmetric ? undefined : grids
  if (tensor.codes.length === count && tensor.scales.length === grids && tensor.zeros?.length === zeros) return
  const found = `${tensor.codes.length}, ${tensor.scales.length} and ${tensor.zeros?.length ?? 'no'}`
  throw new TersorError(
    'E_PLAN',
    `${packing}: expected ${count} codes, ${grids} scales and ${zeros ?? 'no'} zeros, found ${found}`,
  )
}

/** Throws E_FORMAT when parts read from a file do not have the layout's lengths. */
export function demandParts(parts: readonly Uint8Array[], expected: readonly PackedPart[], packing: string): void {
  const found = parts.map((bytes) => bytes.length).join(', ')
  const wanted = expected.map(({ byteLength }) => byteLength).join(', ')
  if (found !== wanted)
    throw new TersorError('E_FORMAT', `${packing}: expected parts of ${wanted} bytes, found ${found}`)
}

/** A quantized tensor with the optional field left out when there is nothing. */
export function quantized<Spec extends CodedSpec>(
  spec: Spec,
  view: MatrixView,
  codes: Uint8Array,
  scales: Float32Array,
  zeros: Uint8Array | undefined,
): QuantizedTensor<Spec> {
  return zeros === undefined ? { spec, view, codes, scales } : { spec, view, codes, scales, zeros }
}
