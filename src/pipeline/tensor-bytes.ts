import { readTensor, readTensorRange } from '../formats/onnx/index.ts'
import type { TensorRef } from '../model/graph.ts'

/** The ports that graph functions take for reading constants: whole small ones, ranges of large ones. */
export const readSmall = (ref: TensorRef): Promise<Uint8Array> => readTensor(ref)
export const readRange = (ref: TensorRef, start: number, end: number): Promise<Uint8Array> =>
  readTensorRange(ref, start, end)
