import { storedInteger } from './stored.ts'

/**
 * Eight scales and eight minimums of six bits in 12 bytes, as in Q4_K and Q5_K. The first four of each are the low six bits of bytes
 * 0 .. 7; of the last four, the low nibbles share bytes 8 .. 11 and the upper pairs are the upper bits of bytes 0 .. 7.
 * `parameters`: scales at 0, minimums at 8.
 */
export function packSixBitPairs(parameters: Float32Array, bytes: Uint8Array, offset: number): void {
  for (let j = 0; j < 4; j++) {
    const scale = storedInteger(parameters[4 + j]!, 0, 63)
    const minimum = storedInteger(parameters[12 + j]!, 0, 63)
    bytes[offset + j] = storedInteger(parameters[j]!, 0, 63) | ((scale >>> 4) << 6)
    bytes[offset + 4 + j] = storedInteger(parameters[8 + j]!, 0, 63) | ((minimum >>> 4) << 6)
    bytes[offset + 8 + j] = (scale & 15) | ((minimum & 15) << 4)
  }
}

export function unpackSixBitPairs(bytes: Uint8Array, offset: number, parameters: Float32Array): void {
  for (let j = 0; j < 4; j++) {
    const scale = bytes[offset + j]!
    const minimum = bytes[offset + 4 + j]!
    const nibbles = bytes[offset + 8 + j]!
    parameters[j] = scale & 63
    parameters[8 + j] = minimum & 63
    parameters[4 + j] = (nibbles & 15) | ((scale >>> 6) << 4)
    parameters[12 + j] = (nibbles >>> 4) | ((minimum >>> 6) << 4)
  }
}
