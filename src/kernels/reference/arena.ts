import { TersorError } from '../../errors.ts'

/** Where the callers' memory begins; below it the WASM kernels keep constants and scratch space. Same in both engines. */
export const ARENA_START = 655_360
/** WASM pointers stay positive below this. */
export const MEMORY_LIMIT = 2_147_418_112

/** The linear memory of the twins, seen as every type that kernels use. */
export class Arena {
  buffer: ArrayBuffer
  u8: Uint8Array
  u16: Uint16Array
  u32: Uint32Array
  f32: Float32Array
  f64: Float64Array

  constructor() {
    this.buffer = new ArrayBuffer(ARENA_START)
    this.u8 = new Uint8Array(this.buffer)
    this.u16 = new Uint16Array(this.buffer)
    this.u32 = new Uint32Array(this.buffer)
    this.f32 = new Float32Array(this.buffer)
    this.f64 = new Float64Array(this.buffer)
  }

  reserve(byteLength: number): number {
    const end = arenaEnd(byteLength)
    if (end <= this.buffer.byteLength) return ARENA_START
    const old = this.u8
    this.buffer = new ArrayBuffer(end)
    this.u8 = new Uint8Array(this.buffer)
    this.u16 = new Uint16Array(this.buffer)
    this.u32 = new Uint32Array(this.buffer)
    this.f32 = new Float32Array(this.buffer)
    this.f64 = new Float64Array(this.buffer)
    this.u8.set(old)
    return ARENA_START
  }
}

/** Bytes of memory that an arena of `byteLength` needs, in whole 64 KiB pages. Throws E_LIMIT beyond 2 GiB. */
export function arenaEnd(byteLength: number): number {
  const end = Math.ceil((ARENA_START + byteLength) / 65_536) * 65_536
  if (!(byteLength >= 0 && end <= MEMORY_LIMIT)) {
    throw new TersorError(
      'E_LIMIT',
      `kernels: at most ${MEMORY_LIMIT - ARENA_START} bytes can be reserved, ${byteLength} were asked for`,
    )
  }
  return end
}
