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

/**
 * Calls `use` with a pointer to `count` elements as f32 in the kernels' memory, `spare` bytes behind them; both are gone when it
 * returns. At once where a file can be read in place.
 */
export function withFloats(
  tensor: TensorRef,
  start: number,
  count: number,
  kernels: Kernels,
  spare: number,
  use: (pointer: number) => void,
): void | Promise<void> {
  const { storage, dtype } = tensor
  if (
    dtype === 'f32' &&
    storage.kind === 'span' &&
    storage.source.readInto &&
    (start + count) * 4 <= storage.byteLength
  ) {
    const pointer = kernels.reserve(count * 4 + spare)
    storage.source.readInto(new Uint8Array(kernels.memory, pointer, count * 4), storage.start + start * 4)
    return use(pointer)
  }
  return floatsOf(tensor, start, count, kernels).then((values) => {
    const pointer = kernels.reserve(count * 4 + spare)
    new Float32Array(kernels.memory, pointer, count).set(values)
    use(pointer)
  })
}
