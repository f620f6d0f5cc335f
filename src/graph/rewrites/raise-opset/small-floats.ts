import type { TensorRef } from '../../../model/graph.ts'
import type { ReadSmall } from '../../constant-nodes.ts'

/** Scales of a Resize have one value per axis. */
const SMALL_ELEMENTS = 64

/** Values of an f32 constant of rank 0 or 1 with at most 64 elements; null for any other. */
export async function smallFloats(tensor: TensorRef, readSmall: ReadSmall): Promise<readonly number[] | null> {
  if (tensor.dtype !== 'f32' || tensor.shape.length > 1 || tensor.storage.kind === 'opaque') return null
  const count = tensor.shape[0] ?? 1
  if (count > SMALL_ELEMENTS) return null
  const bytes = tensor.storage.kind === 'bytes' ? tensor.storage.bytes : await readSmall(tensor)
  if (bytes.byteLength !== count * 4) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: count }, (_, index) => view.getFloat32(index * 4, true))
}
