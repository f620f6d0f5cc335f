/**
 * Protobuf wire format, just enough to build and edit ONNX files in benches without the product's own codec, so that a
 * fault there cannot hide itself. A message is a list of fields `{ field, wire, value }`; nothing is interpreted.
 */
const text = new TextEncoder()

/** Unsigned varint of a non-negative safe integer or BigInt. */
export const varint = (n) => {
  let rest = BigInt.asUintN(64, BigInt(n))
  const out = []
  do {
    const low = Number(rest & 127n)
    rest >>= 7n
    out.push(rest ? low | 128 : low)
  } while (rest)
  return Uint8Array.from(out)
}

export const join = (parts) => {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

export const int = (field, value) => join([varint(field * 8), varint(value)])
export const bytes = (field, value) => join([varint(field * 8 + 2), varint(value.length), value])
export const string = (field, value) => bytes(field, text.encode(value))
export const float = (field, value) => {
  const out = new Uint8Array(5)
  out[0] = field * 8 + 5
  new DataView(out.buffer).setFloat32(1, value, true)
  return out
}

const varintAt = (data, at) => {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (at >= data.length) throw new Error('wire: varint cut short')
    const byte = data[at++]
    value |= BigInt(byte & 127) << shift
    if (byte < 128) return [value, at]
  }
  throw new Error('wire: varint longer than ten bytes')
}

/** Fields of one message. Varints come as BigInt, everything else as bytes. */
export const fields = (data) => {
  const out = []
  let at = 0
  while (at < data.length) {
    let tag
    ;[tag, at] = varintAt(data, at)
    const field = Number(tag >> 3n)
    const wire = Number(tag & 7n)
    let value
    if (wire === 0) [value, at] = varintAt(data, at)
    else {
      let length = wire === 5 ? 4 : 8
      if (wire === 2) {
        const [n, next] = varintAt(data, at)
        length = Number(n)
        at = next
      } else if (wire !== 1 && wire !== 5) throw new Error(`wire: type ${wire}`)
      if (at + length > data.length) throw new Error('wire: field cut short')
      value = data.subarray(at, at + length)
      at += length
    }
    out.push({ field, wire, value })
  }
  return out
}

/** The bytes of a list of fields: the inverse of `fields`. */
export const message = (list) =>
  join(
    list.map(({ field, wire, value }) => {
      if (wire === 0) return int(field, value)
      if (wire === 2) return bytes(field, value)
      return join([varint(field * 8 + wire), value])
    }),
  )

export const stringOf = (list, field) => {
  const found = list.find((f) => f.field === field && f.wire === 2)
  return found ? new TextDecoder().decode(found.value) : ''
}
