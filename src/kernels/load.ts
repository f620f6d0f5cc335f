import type { Kernels } from '../model/kernels.ts'
import { createWasmKernelsSync } from './wasm.ts'

/** For Node: the WASM kernels, compiled at once; the TypeScript twins are only read where they are asked for, or all there is. */
export async function loadKernels(id: Kernels['id'] = 'wasm'): Promise<Kernels> {
  try {
    if (id === 'wasm') return createWasmKernelsSync()
  } catch {
    // An engine without WebAssembly SIMD.
  }
  return (await import('./reference/index.ts')).createReferenceKernels()
}
