import { TersorError } from '../../errors.ts'
import type { ParameterType } from '../../model/array-scheme.ts'
import type { Storage } from './storage.ts'

/** Codes of one byte, f32 scales and zeros of a byte. The same bytes as `FULL_STORAGE` for them. */
export const BYTE_STORAGE: Storage = {
  parameters: byteArray,
  store: (array, _, index, value) => {
    array[index] = value
  },
  load: (array, _, index) => array[index] as number,
  packedLength: (_, count) => count,
  pack: (_, codes) => Uint8Array.from(codes),
  unpack: (_, bytes, codes) => {
    codes.set(bytes)
    return codes
  },
}

function byteArray(type: ParameterType, count: number): Float32Array | Uint8Array {
  if (type !== 'f32' && type !== 'u8') throw new TersorError('E_UNSUPPORTED', `${type} needs the functions of "tersor"`)
  return type === 'f32' ? new Float32Array(count) : new Uint8Array(count)
}
