import type { DType } from '../../model/dtype.ts'
import type { Dimension, ValueInfo } from '../../model/graph.ts'
import type { Decoder } from './decoder.ts'
import { FieldCursor } from './fields.ts'
import type { WireMessage } from './image.ts'
import { MAX_RANK } from './limits.ts'
import { DIMENSION, dtypeOfCode, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO } from './types.ts'

interface ValueType {
  readonly isTensor: boolean
  readonly dtype?: DType
  readonly shape?: readonly Dimension[]
}

export function decodeValue(message: WireMessage, decoder: Decoder): ValueInfo {
  decoder.charge(message)
  let name = ''
  let type: ValueType = { isTensor: false }
  let types = 0
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key === VALUE_INFO.name) name = field.text()
    else if (field.key === VALUE_INFO.type) {
      if (++types > 1) throw field.broken(`value "${name}" has two types`)
      type = decodeType(field.message())
    }
  }
  return {
    name,
    ...(type.dtype === undefined ? {} : { dtype: type.dtype }),
    ...(type.shape === undefined ? {} : { shape: type.shape }),
    carrier: message,
  }
}

/** Element type and shape where the type is a (dense) tensor. */
export function decodeType(message: WireMessage): ValueType {
  let result: ValueType = { isTensor: false }
  let tensors = 0
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key !== TYPE.tensorType) continue
    if (++tensors > 1) throw field.broken('a type is given twice')
    result = decodeTensorType(field.message())
  }
  return result
}

function decodeTensorType(message: WireMessage): ValueType {
  let dtype: DType | undefined
  let shape: Dimension[] | undefined
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key === TENSOR_TYPE.elemType) dtype = dtypeOfCode(field.number())?.dtype
    else if (field.key === TENSOR_TYPE.shape) {
      if (shape !== undefined) throw field.broken('a shape is given twice')
      shape = decodeShape(field.message())
    }
  }
  return {
    isTensor: true,
    ...(dtype === undefined ? {} : { dtype }),
    ...(shape === undefined ? {} : { shape }),
  }
}

function decodeShape(message: WireMessage): Dimension[] {
  const shape: Dimension[] = []
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key !== SHAPE.dim) continue
    if (shape.length === MAX_RANK) throw field.broken(`a shape has more than ${MAX_RANK} dimensions`)
    shape.push(decodeDimension(field.message()))
  }
  return shape
}

/** Null when neither a number nor a name is given. */
export function decodeDimension(message: WireMessage): Dimension {
  let dimension: Dimension = null
  for (const field = new FieldCursor(message); field.next(); ) {
    if (field.key === DIMENSION.value) dimension = field.number()
    else if (field.key === DIMENSION.param) dimension = field.text() || null
  }
  return dimension
}
