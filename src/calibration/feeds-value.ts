import { TersorError } from '../errors.ts'
import type { DType } from '../model/dtype.ts'
import type { SessionInput, Value } from '../model/runtime.ts'
import { byteLengthOf, elementCountOf } from '../numbers/dtype.ts'

/** onnxruntime's names of element types, for tensors made by it. */
const ORT_NAMES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ['float32', 'f32'],
  ['float64', 'f64'],
  ['float16', 'f16'],
  ['int64', 'i64'],
  ['int32', 'i32'],
  ['int16', 'i16'],
  ['int8', 'i8'],
  ['uint64', 'u64'],
  ['uint32', 'u32'],
  ['uint16', 'u16'],
  ['uint8', 'u8'],
  ['bool', 'bool'],
  ['string', 'string'],
])

const ARRAYS: ReadonlyMap<string, DType> = new Map<string, DType>([
  ['Float32Array', 'f32'],
  ['Float64Array', 'f64'],
  ['Float16Array', 'f16'],
  ['BigInt64Array', 'i64'],
  ['BigUint64Array', 'u64'],
  ['Int32Array', 'i32'],
  ['Uint32Array', 'u32'],
  ['Int16Array', 'i16'],
  ['Uint16Array', 'u16'],
  ['Int8Array', 'i8'],
  ['Uint8Array', 'u8'],
])

/**
 * What a user's module may give for an input: our own `Value`, a tensor in onnxruntime's form (`type`, `dims`, `data`),
 * or a typed array when the model fixes the shape but for one axis. E_FORMAT for anything else.
 */
export function valueFrom(given: unknown, input: SessionInput, where: string): Value {
  const wrong = (what: string) => new TersorError('E_FORMAT', `${where}: input "${input.name}": ${what}`, { where })
  if (ArrayBuffer.isView(given)) return typedValue(given, input, wrong)
  if (typeof given !== 'object' || given === null)
    throw wrong(`expected a tensor or a typed array, found ${typeof given}`)
  const { data, type, dtype, dims, shape } = given as Readonly<Record<string, unknown>>
  const sizes = dims ?? shape
  if (!Array.isArray(sizes) || !sizes.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw wrong('expected `dims` or `shape`, an array of whole numbers')
  }
  const named = typeof type === 'string' ? ORT_NAMES.get(type) : (dtype as DType | undefined)
  const found = named ?? (ArrayBuffer.isView(data) ? ARRAYS.get(data.constructor.name) : undefined)
  if (found === undefined) throw wrong('expected an element type in `type` or `dtype`')
  const count = elementCountOf(sizes)
  if (found === 'string') {
    if (!Array.isArray(data) || data.length !== count || !data.every((text) => typeof text === 'string'))
      throw wrong(`expected ${count} strings`)
    return { dtype: found, shape: sizes, data }
  }
  if (!ArrayBuffer.isView(data)) throw wrong('expected a typed array in `data`')
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const needed = byteLengthOf(found, count)
  if (bytes.byteLength !== needed)
    throw wrong(`${found} [${sizes.join(', ')}] needs ${needed} bytes, found ${bytes.byteLength}`)
  return { dtype: found, shape: sizes, data: bytes }
}

function typedValue(given: ArrayBufferView, input: SessionInput, wrong: (what: string) => TersorError): Value {
  const dtype = ARRAYS.get(given.constructor.name)
  const open = input.shape.flatMap((size, axis) => (typeof size === 'number' ? [] : [axis]))
  if (dtype === undefined || open.length > 1)
    throw wrong('a typed array alone does not tell its shape; give { type, dims, data }')
  const count = given.byteLength / byteLengthOf(dtype, 1)
  const fixed = input.shape.reduce<number>((product, size) => product * (typeof size === 'number' ? size : 1), 1)
  const rest = open.length === 0 ? 1 : count / fixed
  if (fixed * rest !== count || !Number.isSafeInteger(rest))
    throw wrong(`expected a multiple of ${fixed} elements, found ${count}`)
  const shape = input.shape.map((size) => (typeof size === 'number' ? size : rest))
  return { dtype, shape, data: new Uint8Array(given.buffer, given.byteOffset, given.byteLength) }
}
