import { TersorError } from '../errors.ts'
import { readTensor } from '../formats/onnx/index.ts'
import type { DType } from '../model/dtype.ts'
import type { TensorRef } from '../model/graph.ts'
import { decodeBf16 } from '../numbers/bf16.ts'
import { bitWidthOf, byteLengthOf } from '../numbers/dtype.ts'
import { decodeF16 } from '../numbers/f16.ts'
import { smallFloatValues } from '../numbers/small-floats.ts'

/** Numbers of a constant by position; `fill` takes elements from `start` on, as many as the target holds. */
export interface Values {
  readonly count: number
  fill(target: Float32Array, start: number): void
}

/** Tensors up to this size are held while they are decoded; larger ones are read in windows where the source can. */
const HELD_BYTES = 256 << 20

/** The elements of a stored tensor as numbers, seen as `dtype`, which may be narrower than the tensor's own type. */
export async function storedValues(tensor: TensorRef, dtype: DType, count: number): Promise<Values> {
  const bits = bitWidthOf(dtype)
  const need = byteLengthOf(dtype, count)
  const { storage } = tensor
  if (storage.byteLength < need) {
    throw new TersorError('E_FORMAT', `tensor "${tensor.name}" has ${storage.byteLength} bytes, ${need} are needed`, {
      where: tensor.name,
    })
  }
  const decode = decoderOf(dtype, tensor.name)
  const { source, start: first } = storage.kind === 'span' ? storage : { source: undefined, start: 0 }
  if (source?.readInto !== undefined && need > HELD_BYTES && bits >= 8) {
    const width = bits / 8
    return {
      count,
      fill: (target, start) => {
        const window = new Uint8Array(target.length * width)
        source.readInto?.(window, first + start * width)
        decode(window, 0, target)
      },
    }
  }
  const bytes = await readTensor(tensor)
  return { count, fill: (target, start) => decode(bytes, start, target) }
}

type Decode = (bytes: Uint8Array, start: number, target: Float32Array) => void

function decoderOf(dtype: DType, name: string): Decode {
  switch (dtype) {
    case 'u8':
      return (bytes, start, target) => target.set(bytes.subarray(start, start + target.length))
    case 'i8':
      return (bytes, start, target) => target.set(new Int8Array(bytes.buffer, bytes.byteOffset + start, target.length))
    case 'u4':
    case 'i4':
    case 'u2':
    case 'i2':
      return packedDecoder(bitWidthOf(dtype), dtype.startsWith('i'))
    case 'e2m1': {
      const table = smallFloatValues(dtype)
      const codes = packedDecoder(4, false)
      return (bytes, start, target) => {
        codes(bytes, start, target)
        for (let at = 0; at < target.length; at++) target[at] = table[target[at] as number] as number
      }
    }
    case 'e4m3fn':
    case 'e4m3fnuz':
    case 'e5m2':
    case 'e5m2fnuz':
    case 'e8m0': {
      const table = smallFloatValues(dtype)
      return (bytes, start, target) => {
        for (let at = 0; at < target.length; at++) target[at] = table[bytes[start + at] as number] as number
      }
    }
    case 'f32':
      return wide(4, (view, at) => view.getFloat32(at, true))
    case 'f64':
      return wide(8, (view, at) => view.getFloat64(at, true))
    case 'f16':
      return wide(2, (view, at) => decodeF16(view.getUint16(at, true)))
    case 'bf16':
      return wide(2, (view, at) => decodeBf16(view.getUint16(at, true)))
    case 'i16':
      return wide(2, (view, at) => view.getInt16(at, true))
    case 'u16':
      return wide(2, (view, at) => view.getUint16(at, true))
    case 'i32':
      return wide(4, (view, at) => view.getInt32(at, true))
    case 'u32':
      return wide(4, (view, at) => view.getUint32(at, true))
    default:
      throw new TersorError('E_UNSUPPORTED', `elements of type ${dtype} are not decoded`, { where: name })
  }
}

/** Codes of 2 or 4 bits, the first in the lowest bits. */
function packedDecoder(bits: number, signed: boolean): Decode {
  const perByte = 8 / bits
  const mask = (1 << bits) - 1
  const half = signed ? 1 << (bits - 1) : 0
  return (bytes, start, target) => {
    for (let at = 0; at < target.length; at++) {
      const index = start + at
      const place = index % perByte
      const code = ((bytes[(index - place) / perByte] as number) >>> (place * bits)) & mask
      target[at] = (code ^ half) - half
    }
  }
}

function wide(width: number, element: (view: DataView, at: number) => number): Decode {
  return (bytes, start, target) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at < target.length; at++) target[at] = element(view, (start + at) * width)
  }
}
