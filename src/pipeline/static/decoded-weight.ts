import type { StaticWeight } from '../../model/activation.ts'

/** Float values of codes. */
export function decodedOf({ codes, scales, axis }: StaticWeight, shape: readonly number[]): Float32Array {
  const bytes = codes.storage.kind === 'bytes' ? codes.storage.bytes : new Uint8Array(0)
  const unsigned = codes.dtype === 'u8'
  const inner = axis === null ? bytes.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const decoded = new Float32Array(bytes.length)
  for (let start = 0, channel = 0; start < bytes.length; start += inner) {
    const scale = scales[channel] as number
    for (let i = start; i < start + inner; i++) {
      const byte = bytes[i] as number
      decoded[i] = (unsigned ? byte - 128 : byte > 127 ? byte - 256 : byte) * scale
    }
    channel = channel + 1 === scales.length ? 0 : channel + 1
  }
  return decoded
}
