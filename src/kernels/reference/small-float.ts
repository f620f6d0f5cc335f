import { roundEven } from './scale.ts'

interface Format {
  readonly least: number
  readonly most: number
  readonly fraction: number
  readonly sign: number
  readonly signedZero: boolean
}

/** By SmallFloatFormat: least normal number, largest number, bits of fraction, sign bit, whether 0 has a sign. */
const FORMATS: readonly Format[] = [
  { least: 2 ** -6, most: 448, fraction: 3, sign: 128, signedZero: true },
  { least: 2 ** -7, most: 240, fraction: 3, sign: 128, signedZero: false },
  { least: 2 ** -10, most: 30, fraction: 3, sign: 128, signedZero: false },
  { least: 1, most: 7.5, fraction: 3, sign: 32, signedZero: true },
  { least: 2 ** -14, most: 57344, fraction: 2, sign: 128, signedZero: true },
  { least: 2 ** -15, most: 57344, fraction: 2, sign: 128, signedZero: false },
  { least: 2 ** -2, most: 28, fraction: 2, sign: 32, signedZero: true },
]

/** Half to even, saturating; NaN becomes the largest number. */
export function encodeSmallFloat(t: number, format: number, signedZero: 0 | 1): number {
  const { least, most, fraction, sign, signedZero: hasNegativeZero } = FORMATS[format]!
  const magnitude = Math.abs(t) < most ? Math.abs(t) : most
  let binade = least
  let code = 0
  while (magnitude >= 2 * binade) {
    binade *= 2
    code += 2 ** fraction
  }
  code += roundEven((magnitude / binade) * 2 ** fraction)
  const isNegative = t < 0 || Object.is(t, -0)
  return isNegative && (code > 0 || (hasNegativeZero && signedZero === 1)) ? code + sign : code
}
