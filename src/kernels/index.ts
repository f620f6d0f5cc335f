import type { Kernels } from '../model/kernels.ts'
import { createReferenceKernels } from './reference/index.ts'
import { createWasmKernels, createWasmKernelsSync } from './wasm.ts'

export { createReferenceKernels, createWasmKernels, createWasmKernelsSync }

/** The WASM kernels, or their TypeScript twins where the engine has no WebAssembly SIMD. Both give the same bits. */
export async function createKernels(): Promise<Kernels> {
  try {
    return await createWasmKernels()
  } catch {
    return createReferenceKernels()
  }
}

/** As `createKernels`, for Node and workers: browsers refuse to compile synchronously on their main thread. */
export function createKernelsSync(): Kernels {
  try {
    return createWasmKernelsSync()
  } catch {
    return createReferenceKernels()
  }
}
