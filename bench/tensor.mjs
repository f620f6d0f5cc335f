/** TensorProto in and out, for benches: the element types that ONNX's own tests use as model inputs. */
import { bytes, fields, int, join, string, stringOf } from './wire.mjs'

const kinds = {
  1: { type: 'float32', array: Float32Array, field: 4 },
  2: { type: 'uint8', array: Uint8Array, field: 5 },
  3: { type: 'int8', array: Int8Array, field: 5 },
  4: { type: 'uint16', array: Uint16Array, field: 5 },
  5: { type: 'int16', array: Int16Array, field: 5 },
  6: { type: 'int32', array: Int32Array, field: 5 },
  7: { type: 'int64', array: BigInt64Array, field: 7 },
  9: { type: 'bool', array: Uint8Array, field: 5 },
  10: { type: 'float16', array: Uint16Array, field: 5 },
  11: { type: 'float64', array: Float64Array, field: 10 },
  12: { type: 'uint32', array: Uint32Array, field: 11 },
  13: { type: 'uint64', array: BigUint64Array, field: 11 },
}

const varints = (data) => {
  // A packed run of varints is a message of nothing else: borrow the reader by tagging each.
  const out = []
  let value = 0n
  let shift = 0n
  for (const byte of data) {
    value |= BigInt(byte & 127) << shift
    shift += 7n
    if (byte < 128) {
      out.push(BigInt.asIntN(64, value))
      value = 0n
      shift = 0n
    }
  }
  return out
}

const typedData = (list, kind) => {
  const parts = list.filter((f) => f.field === kind.field)
  if (kind.field === 4 || kind.field === 10) {
    const raw = join(parts.map((f) => f.value))
    return new kind.array(raw.buffer, 0, raw.length / kind.array.BYTES_PER_ELEMENT)
  }
  const numbers = parts.flatMap((f) => (f.wire === 2 ? varints(f.value) : [BigInt.asIntN(64, f.value)]))
  return kind.array.from(kind.field === 7 || kind.type === 'uint64' ? numbers : numbers.map(Number))
}

/** `{ name, dims, type, data }`, or null when it is not a dense tensor of a type above. */
export const readTensor = (proto) => {
  const list = fields(proto)
  const kind = kinds[Number(list.find((f) => f.field === 2 && f.wire === 0)?.value ?? 0n)]
  if (!kind) return null
  const dims = list
    .filter((f) => f.field === 1)
    .flatMap((f) => (f.wire === 2 ? varints(f.value) : [f.value]))
    .map(Number)
  const raw = list.find((f) => f.field === 9)
  const size = kind.array.BYTES_PER_ELEMENT
  const data = raw
    ? new kind.array(new Uint8Array(raw.value).buffer, 0, raw.value.length / size)
    : typedData(list, kind)
  if (data.length !== dims.reduce((a, b) => a * b, 1)) return null
  return { name: stringOf(list, 8), dims, type: kind.type, data }
}

/** TensorProto with raw data. */
export const writeTensor = ({ name, dims, type, data }) => {
  const code = Number(Object.keys(kinds).find((k) => kinds[k].type === type))
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return join([...dims.map((d) => int(1, d)), int(2, code), string(8, name), bytes(9, raw)])
}
