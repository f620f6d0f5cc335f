import type { Kernels } from '../model/kernels.ts'
import { createReferenceKernels } from './reference/index.ts'

export async function createWasmKernels(): Promise<Kernels> {
  return createReferenceKernels()
}
export function createWasmKernelsSync(): Kernels {
  return createReferenceKernels()
}
