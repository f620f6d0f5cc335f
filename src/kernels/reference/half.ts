import type { Arena } from './arena.ts'

/** f32 bits to f16 bits, half to even. */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude > 0x477fefff) return sign | 0x7c00
  if (magnitude > 0x387fffff) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  // Below 2^-14: a multiple of 2^-24, which addition of 0.5 leaves in the low bits.
  scratch[0] = magnitude
  scratchFloat[0] = scratchFloat[0]! + 0.5
  return sign | (scratch[0]! - 0x3f000000)
}

const scratch = new Uint32Array(1)
const scratchFloat = new Float32Array(scratch.buffer)

export function f32ToF16(arena: Arena, src: number, dst: number, count: number): number {
  const { u16, u32 } = arena
  let overflowed = 0
  for (let i = 0; i < count; i++) {
    const bits = u32[src / 4 + i]!
    const half = toHalf(bits)
    if ((half & 0x7fff) === 0x7c00 && (bits & 0x7fffffff) !== 0x7f800000) overflowed++
    u16[dst / 2 + i] = half
  }
  return overflowed
}

export function f16ToF32(arena: Arena, src: number, dst: number, count: number): void {
  const { u16, u32 } = arena
  for (let i = 0; i < count; i++) {
    const half = u16[src / 2 + i]!
    const shifted = (half & 0x7fff) * 8192
    if ((half & 0x7c00) === 0x7c00) scratch[0] = shifted + 0x70000000
    else {
      // Read as f32, the bits are the number divided by 2^112, subnormals included.
      scratch[0] = shifted
      scratchFloat[0] = scratchFloat[0]! * 5.192296858534828e33
    }
    u32[dst / 4 + i] = (scratch[0]! | ((half & 0x8000) << 16)) >>> 0
  }
}

export function f32ToBf16(arena: Arena, src: number, dst: number, count: number): number {
  const { u16, u32 } = arena
  let overflowed = 0
  for (let i = 0; i < count; i++) {
    const bits = u32[src / 4 + i]!
    const magnitude = bits & 0x7fffffff
    let brain = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
    if (magnitude > 0x7f800000) brain = ((bits >>> 16) & 0x8000) | 0x7fc0
    else if ((brain & 0x7fff) === 0x7f80 && magnitude !== 0x7f800000) overflowed++
    u16[dst / 2 + i] = brain
  }
  return overflowed
}

export function bf16ToF32(arena: Arena, src: number, dst: number, count: number): void {
  const { u16, u32 } = arena
  for (let i = 0; i < count; i++) u32[dst / 4 + i] = u16[src / 2 + i]! * 65536
}
