import { TersorError } from '../../errors.ts'
import type { ParameterArray, ParameterType } from '../../model/array-scheme.ts'
import { decodeBf16, encodeBf16 } from '../../numbers/bf16.ts'
import { decodeF16, encodeF16 } from '../../numbers/f16.ts'
import { decodeSmallFloat, encodeSmallFloat } from '../../numbers/small-floats.ts'

/** Bits of one stored parameter. */
export const PARAMETER_BITS: Readonly<Record<ParameterType, number>> = {
  f32: 32,
  f16: 16,
  bf16: 16,
  u16: 16,
  e4m3fn: 8,
  e8m0: 8,
  u8: 8,
  i8: 8,
  u6: 6,
  u4: 4,
  u3: 3,
}

/** Bytes of `count` stored parameters; those of less than a byte are packed without gaps. */
export function parameterByteLength(type: ParameterType, count: number): number {
  return Math.ceil((count * PARAMETER_BITS[type]) / 8)
}

/** An array for `count` parameters in their stored form. */
export function parameterArray(type: ParameterType, count: number): ParameterArray {
  if (type === 'f32') return new Float32Array(count)
  if (type === 'f16' || type === 'bf16' || type === 'u16') return new Uint16Array(count)
  if (type === 'i8') return new Int8Array(count)
  return new Uint8Array(parameterByteLength(type, count))
}

/** Stores parameter `index`. The value is one that the type holds exactly; anything else is our own mistake. */
export function storeParameter(array: ParameterArray, type: ParameterType, index: number, value: number): void {
  switch (type) {
    case 'f16':
      array[index] = encodeF16(value)
      break
    case 'bf16':
      array[index] = encodeBf16(value)
      break
    case 'e4m3fn':
    case 'e8m0':
      array[index] = encodeSmallFloat(value, type)
      break
    case 'u6':
    case 'u4':
    case 'u3':
      storeBits(array as Uint8Array, PARAMETER_BITS[type], index, value)
      break
    default:
      array[index] = value
  }
  if (!Object.is(loadParameter(array, type, index) + 0, value + 0)) {
    throw new TersorError('E_INTERNAL', `parameter ${index} is ${value}, which ${type} does not hold`)
  }
}

export function loadParameter(array: ParameterArray, type: ParameterType, index: number): number {
  const stored = array[index] as number
  switch (type) {
    case 'f16':
      return decodeF16(stored)
    case 'bf16':
      return decodeBf16(stored)
    case 'e4m3fn':
    case 'e8m0':
      return decodeSmallFloat(stored, type)
    case 'u6':
    case 'u4':
    case 'u3':
      return loadBits(array as Uint8Array, PARAMETER_BITS[type], index)
    default:
      return stored
  }
}

function storeBits(array: Uint8Array, bits: number, index: number, value: number): void {
  const first = index * bits
  for (let bit = 0; bit < bits; bit++) {
    const at = first + bit
    const mask = 1 << (at % 8)
    const byte = Math.floor(at / 8)
    array[byte] = value & (1 << bit) ? (array[byte] as number) | mask : (array[byte] as number) & ~mask
  }
}

function loadBits(array: Uint8Array, bits: number, index: number): number {
  const first = index * bits
  let value = 0
  for (let bit = 0; bit < bits; bit++) {
    const at = first + bit
    if ((array[Math.floor(at / 8)] as number) & (1 << (at % 8))) value |= 1 << bit
  }
  return value
}
