import { readTensorRange } from '../formats/onnx/index.ts'
import type { TensorRef } from '../model/graph.ts'
import type { Kernels } from '../model/kernels.ts'
import { loadFloats } from './produce/plain.ts'
import { SOURCE_BYTES } from './produce/tile.ts'
import type { UnitIo } from './produce/types.ts'

/** `count` elements of a constant from element `start` on, as f32. Only for the float types of weights. */
export async function floatsOf(
  tensor: TensorRef,
  start: number,
  count: number,
  kernels: Kernels,
): Promise<Float32Array> {
  const size = SOURCE_BYTES[tensor.dtype] ?? 4
  const bytes = await readTensorRange(tensor, start * size, (start + count) * size)
  const io: UnitIo = {
    read: (_source, offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
    write: () => undefined,
  }
  const source = { kind: 'bytes' as const, bytes, byteLength: bytes.length }
  return loadFloats({ source, dtype: tensor.dtype, shape: [count], label: tensor.name }, io, kernels)
}
