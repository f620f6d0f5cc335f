import { TersorError } from '../errors.ts'
import type { Kernels } from '../model/kernels.ts'
import { ARENA_START, arenaEnd } from './reference/arena.ts'
import { refuseLongSearch } from './reference/fit.ts'
import { chooseGrids, proposeGrids, type Views } from './reference/grids.ts'
import { prepareLevels } from './reference/level-table.ts'
import { WASM_BASE64, WASM_BYTE_LENGTH } from './wasm-bytes.ts'

const PAGE = 65_536

type Exports = Omit<Kernels, 'id' | 'memory' | 'reserve' | 'proposeGrids' | 'chooseGrids' | 'prepareLevels'>

/** Compiles and instantiates the embedded module. Rejects where the engine has no WebAssembly SIMD. */
export async function createWasmKernels(): Promise<Kernels> {
  const memory = firstMemory()
  const { instance } = await WebAssembly.instantiate(wasmBytes(), { env: { memory } })
  return bindKernels(memory, instance)
}

/** As `createWasmKernels`, at once: for Node and workers (browsers refuse it on their main thread). */
export function createWasmKernelsSync(): Kernels {
  const memory = firstMemory()
  return bindKernels(memory, new WebAssembly.Instance(new WebAssembly.Module(wasmBytes()), { env: { memory } }))
}

function firstMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: ARENA_START / PAGE })
}

function wasmBytes(): Uint8Array<ArrayBuffer> {
  // A step a byte is a millisecond in code that has just been loaded.
  const { Buffer } = globalThis as { Buffer?: { from(text: string, encoding: 'base64'): Uint8Array<ArrayBuffer> } }
  if (Buffer) return Buffer.from(WASM_BASE64, 'base64')
  const text = atob(WASM_BASE64)
  const bytes = new Uint8Array(WASM_BYTE_LENGTH)
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

function bindKernels(memory: WebAssembly.Memory, instance: WebAssembly.Instance): Kernels {
  const exports = instance.exports as unknown as Exports
  const views = (): Views => ({
    f32: new Float32Array(memory.buffer),
    f64: new Float64Array(memory.buffer),
    u8: new Uint8Array(memory.buffer),
  })
  return {
    ...exports,
    id: 'wasm',
    get memory() {
      return memory.buffer
    },
    reserve(byteLength) {
      const missing = arenaEnd(byteLength) - memory.buffer.byteLength
      if (missing > 0) {
        try {
          memory.grow(missing / PAGE)
        } catch (cause) {
          throw new TersorError('E_LIMIT', `kernels: the engine refused ${byteLength} bytes of WebAssembly memory`, {
            cause,
          })
        }
      }
      return ARENA_START
    },
    fitColumns(src, stride, rows, columns, mode, ...rest) {
      refuseLongSearch(rows, mode)
      exports.fitColumns(src, stride, rows, columns, mode, ...rest)
    },
    proposeGrids: (...all) => proposeGrids(views(), ...all),
    chooseGrids: (...all) => chooseGrids(views(), ...all),
    prepareLevels: (...all) => prepareLevels(views(), ...all),
  }
}
