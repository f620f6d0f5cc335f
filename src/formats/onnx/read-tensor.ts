import { checkRange } from '../../bytes/range.ts'
import { TersorError } from '../../errors.ts'
import type { TensorRef } from '../../model/graph.ts'

/**
 * All elements of a tensor: little-endian, packed, row-major; booleans as bytes, 4-bit elements two to a byte, low first.
 * The result may be a view of memory that is not the caller's: do not write to it.
 * @throws E_UNSUPPORTED for strings, E_INTERNAL for a tensor that does not exist yet.
 */
export function readTensor(tensor: TensorRef, signal?: AbortSignal): Promise<Uint8Array> {
  return readTensorRange(tensor, 0, tensor.storage.byteLength, signal)
}

/** Bytes [start, end) of what `readTensor` gives. */
export async function readTensorRange(
  tensor: TensorRef,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { storage } = tensor
  checkRange(`tensor "${tensor.name}"`, storage.byteLength, start, end)
  switch (storage.kind) {
    case 'bytes':
      return storage.bytes.subarray(start, end)
    case 'span':
      return storage.source.read(storage.start + start, storage.start + end, signal)
    case 'field':
      return (await storage.load()).subarray(start, end)
    case 'produced':
      throw new TersorError('E_INTERNAL', `tensor "${tensor.name}" is read before it is made`, { where: tensor.name })
    case 'opaque':
      throw new TersorError('E_UNSUPPORTED', `tensor "${tensor.name}" (${tensor.dtype}) has no plain elements`, {
        where: tensor.name,
      })
  }
}
