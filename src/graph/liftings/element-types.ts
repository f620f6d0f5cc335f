import type { DType } from '../../model/dtype.ts'
import type { Node } from '../../model/graph.ts'

/** Domain of the operators that only onnxruntime has. */
export const MICROSOFT = 'com.microsoft'

export function isMicrosoft(node: Node): boolean {
  return node.domain === MICROSOFT
}

/** Float types a constant is computed in, by TensorProto.DataType. */
const FLOAT_TYPES: ReadonlyMap<number, DType> = new Map([
  [1, 'f32'],
  [10, 'f16'],
  [11, 'f64'],
  [16, 'bf16'],
])

export function floatTypeOf(elementType: number): DType | undefined {
  return FLOAT_TYPES.get(elementType)
}
