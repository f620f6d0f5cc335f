/** ONNX files of any size for benches: the graph is built in memory, tensor data is streamed in windows. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import { bytes, float, int, join, string, varint } from './wire.mjs'

const attribute = (name, value) => {
  const head = string(1, name)
  if (value instanceof Uint8Array) return join([head, bytes(5, value), int(20, 4)])
  if (typeof value === 'string') return join([head, string(4, value), int(20, 3)])
  if (Array.isArray(value)) return join([head, ...value.map((v) => int(8, v)), int(20, 7)])
  if (typeof value === 'object') return join([head, float(2, value.float), int(20, 1)])
  return join([head, int(3, value), int(20, 2)])
}

/** A NodeProto; attributes: number = int, {float}, string, int array, Uint8Array = TensorProto. */
export const node = (op, inputs, outputs, attributes = {}, domain = '') =>
  join([
    ...inputs.map((name) => string(1, name)),
    ...outputs.map((name) => string(2, name)),
    string(3, `${outputs[0]}/${op}`),
    string(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
    ...(domain ? [string(7, domain)] : []),
  ])

const value = (name, shape, type = 1) => {
  const dims = shape.map((d) => bytes(1, typeof d === 'string' ? string(2, d) : int(1, d)))
  return join([string(1, name), bytes(2, bytes(1, join([int(1, type), bytes(2, join(dims))])))])
}

/** A float32 TensorProto with its data in it. */
export const floats = (name, dims, data) =>
  join([
    ...dims.map((d) => int(1, d)),
    int(2, 1),
    string(8, name),
    bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ])

const byteLength = (tensor) => tensor.dims.reduce((a, b) => a * b, 1) * 4

/** Source of normally distributed floats: a pool drawn once from the seed, read from places drawn from the seed. */
export const gaussianPool = (seed, floatCount = 1 << 23) => {
  let state = seed >>> 0 || 1
  const uniform = () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 4294967296
  }
  const pool = new Float32Array(floatCount)
  for (let i = 0; i < floatCount; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(uniform() + 1e-12))
    const angle = 2 * Math.PI * uniform()
    pool[i] = radius * Math.cos(angle)
    pool[i + 1] = radius * Math.sin(angle)
  }
  /** Fills `out` from a random place of the pool, multiplied by `deviation`. */
  return (out, deviation) => {
    let at = Math.floor(uniform() * (floatCount - 1))
    for (let i = 0; i < out.length; i++) {
      out[i] = pool[at] * deviation
      if (++at === floatCount) at = 0
    }
  }
}

const windowFloats = 1 << 20

/** Writes one tensor at `position`; with `holes`, only its first window and the rest is left a hole. */
const writeData = (file, position, tensor, fill, holes) => {
  const buffer = new Float32Array(windowFloats)
  const end = byteLength(tensor)
  for (let at = 0; at < end; at += windowFloats * 4) {
    const part = buffer.subarray(0, Math.min(windowFloats, (end - at) / 4))
    fill(part, tensor.deviation)
    writeSync(file, new Uint8Array(part.buffer, 0, part.byteLength), 0, part.byteLength, position + at)
    if (holes) break
  }
}

/**
 * Writes `path` (and `path`.data when `external`): nodes are bytes from `node`, tensors `{ name, dims, deviation }` are
 * filled by `fill(window, deviation)`; inputs and outputs are `[name, shape]`, or `[name, shape, type]` where they are not floats. `holes` leaves most of the data unwritten.
 */
export const writeModel = (
  path,
  { nodes, tensors, inputs, outputs, fill, external = false, holes = false, opset = 17 },
) => {
  const start = join([...nodes.map((n) => bytes(1, n)), string(2, 'bench')])
  const end = join([
    ...inputs.map((one) => bytes(11, value(...one))),
    ...outputs.map((one) => bytes(12, value(...one))),
  ])
  let dataEnd = 0
  const heads = tensors.map((tensor) => {
    const body = [...tensor.dims.map((d) => int(1, d)), int(2, 1), string(8, tensor.name)]
    const length = byteLength(tensor)
    if (!external) {
      const fixed = join([...body, varint(9 * 8 + 2), varint(length)])
      return { tensor, head: join([varint(5 * 8 + 2), varint(fixed.length + length), fixed]), inline: length }
    }
    const entry = (key, text) => bytes(13, join([string(1, key), string(2, text)]))
    const place = [
      entry('location', `${basename(path)}.data`),
      entry('offset', `${dataEnd}`),
      entry('length', `${length}`),
    ]
    const head = bytes(5, join([...body, ...place, int(14, 1)]))
    const offset = dataEnd
    dataEnd = Math.ceil((dataEnd + length) / 4096) * 4096
    return { tensor, head, inline: 0, offset }
  })
  const graphLength = heads.reduce((n, h) => n + h.head.length + h.inline, start.length + end.length)
  const model = join([int(1, 8), string(2, 'tersor bench'), varint(7 * 8 + 2), varint(graphLength)])
  const file = openSync(path, 'w')
  let at = 0
  const put = (part) => {
    at += writeSync(file, part, 0, part.length, at)
  }
  put(model)
  put(start)
  for (const { tensor, head, inline } of heads) {
    put(head)
    if (inline) writeData(file, at, tensor, fill, holes)
    at += inline
  }
  put(end)
  put(bytes(8, join([string(1, ''), int(2, opset)])))
  closeSync(file)
  if (!external) return
  const data = openSync(`${path}.data`, 'w')
  for (const { tensor, offset } of heads) writeData(data, offset, tensor, fill, holes)
  ftruncateSync(data, dataEnd)
  closeSync(data)
}
