import { afterEach, describe, expect, it, vi } from 'vitest'
import { kernelsContract } from '../../test/contracts/kernels.ts'
import {
  createKernels,
  createKernelsSync,
  createReferenceKernels,
  createWasmKernels,
  createWasmKernelsSync,
} from './index.ts'

kernelsContract('wasm', createWasmKernelsSync, createReferenceKernels)

describe('loader', () => {
  afterEach(() => void vi.unstubAllGlobals())

  it('prefers wasm and names the engine', async () => {
    expect((await createKernels()).id).toBe('wasm')
    expect(createKernelsSync().id).toBe('wasm')
    expect((await createWasmKernels()).id).toBe('wasm')
    expect(createReferenceKernels().id).toBe('reference')
  })

  it('falls back to the twins where WebAssembly is missing', async () => {
    vi.stubGlobal('WebAssembly', undefined)
    expect((await createKernels()).id).toBe('reference')
    expect(createKernelsSync().id).toBe('reference')
  })
})
