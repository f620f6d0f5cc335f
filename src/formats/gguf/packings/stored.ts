import { TersorError } from '../../../errors.ts'
import { decodeF16, encodeF16 } from '../../../numbers/f16.ts'

/** Writes a parameter that must be a binary16 value, low byte first. */
export function writeHalf(bytes: Uint8Array, offset: number, value: number): void {
  const code = encodeF16(value)
  if (!Object.is(decodeF16(code), value)) throw notStored('an f16', value)
  bytes[offset] = code & 0xff
  bytes[offset + 1] = code >>> 8
}

export function readHalf(bytes: Uint8Array, offset: number): number {
  return decodeF16(bytes[offset]! | (bytes[offset + 1]! << 8))
}

/** An integer parameter in [low, high], or an error. */
export function storedInteger(value: number, low: number, high: number): number {
  if (!(Number.isInteger(value) && value >= low && value <= high)) {
    throw notStored(`an integer from ${low} to ${high}`, value)
  }
  return value
}

export function notStored(expected: string, value: number): TersorError {
  return new TersorError('E_USAGE', `a parameter of a block must be ${expected}, found ${value}`)
}
