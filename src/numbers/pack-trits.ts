import { TersorError } from '../errors.ts'

/**
 * Base-3 digits, five a byte (3^5 = 243): first digit times 1, then 3, 9, 27, 81. 1.6 bits a digit, where log2(3) is 1.585.
 * Five digits fill a byte, so parts of a multiple of five can be packed independently.
 */

const PLACES = [1, 3, 9, 27, 81] as const
const DIGITS_PER_BYTE = 5
const LARGEST_BYTE = 242

/** Digits of each byte, five by five. */
const DIGITS = Uint8Array.from({ length: 243 * DIGITS_PER_BYTE }, (_, index) => {
  const byte = Math.floor(index / DIGITS_PER_BYTE)
  return Math.floor(byte / PLACES[index % DIGITS_PER_BYTE]!) % 3
})

/** Bytes that `count` digits take; digits missing in the last byte are 0. Throws E_LIMIT when `count` is no count. */
export function packedTritsLength(count: number): number {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new TersorError('E_LIMIT', `expected a number of digits below 2^53, found ${count}`)
  }
  return Math.ceil(count / DIGITS_PER_BYTE)
}

/**
 * Writes `digits` (0, 1 or 2) into `target`, beginning with digit number `first`; digits before it stay as they are, so a
 * stream may be written in parts from first to last. Throws E_USAGE for a digit above 2 or a target that is too short.
 */
export function packTrits(
  digits: Uint8Array | Uint16Array,
  target: Uint8Array = new Uint8Array(packedTritsLength(digits.length)),
  first = 0,
): Uint8Array {
  const end = packedTritsLength(first + digits.length)
  if (target.length < end) {
    throw new TersorError('E_USAGE', `expected room for ${end} bytes of base-3 digits, found ${target.length}`)
  }
  let byte = Math.floor(first / DIGITS_PER_BYTE)
  let place = first - byte * DIGITS_PER_BYTE
  let sum = place > 0 ? target[byte]! % PLACES[place]! : 0
  for (let index = 0; index < digits.length; index++) {
    const digit = digits[index]!
    if (digit > 2) throw new TersorError('E_USAGE', `expected digits below 3, found ${digit} at ${first + index}`)
    sum += digit * PLACES[place]!
    if (++place === DIGITS_PER_BYTE) {
      target[byte++] = sum
      sum = 0
      place = 0
    }
  }
  if (place > 0 && digits.length > 0) target[byte] = sum
  return target
}

/** Fills `target` with digits from number `first` on. Throws E_FORMAT when `bytes` ends before, or a byte is above 242. */
export function unpackTrits<T extends Uint8Array | Uint16Array>(bytes: Uint8Array, target: T, first = 0): T {
  const end = packedTritsLength(first + target.length)
  if (bytes.length < end) {
    throw new TersorError('E_FORMAT', `expected ${end} bytes of base-3 digits, found ${bytes.length}`)
  }
  let byte = Math.floor(first / DIGITS_PER_BYTE)
  let place = first - byte * DIGITS_PER_BYTE
  for (let index = 0; index < target.length; byte++, place = 0) {
    const five = bytes[byte]!
    if (five > LARGEST_BYTE) {
      throw new TersorError('E_FORMAT', `expected five base-3 digits (up to 242), found ${five} at byte ${byte}`)
    }
    for (; place < DIGITS_PER_BYTE && index < target.length; place++, index++) {
      target[index] = DIGITS[five * DIGITS_PER_BYTE + place]!
    }
  }
  return target
}
