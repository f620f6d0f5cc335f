import type { StaticWeight } from '../../model/activation.ts'

/** Float values of codes. */
export function decodedOf({ codes, scales, axis }: StaticWeight, shape: readonly number[]): Float32Array {
  const bytes = codes.storage.kind === 'bytes' ? codes.storage.bytes : new Uint8Array(0)
  const unsigned = codes.dtype === 'u8'
  const inner = axis === null ? bytes.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  return Float32Array.from(bytes, (byte, i) => {
    const code = unsigned ? byte - 128 : byte > 127 ? byte - 256 : byte
    return code * (scales[scales.length === 1 ? 0 : Math.floor(i / inner) % scales.length] as number)
  })
}
