import { describe, expect, it } from 'vitest'
import { kernelsContract } from '../../test/contracts/kernels.ts'
import { createKernels, createReferenceKernels, createWasmKernels, createWasmKernelsSync } from './index.ts'

kernelsContract('wasm', createWasmKernelsSync, createReferenceKernels)

describe('loader', () => {
  it('prefers wasm and names the engine', async () => {
    expect((await createKernels()).id).toBe('wasm')
    expect((await createWasmKernels()).id).toBe('wasm')
    expect(createReferenceKernels().id).toBe('reference')
  })
})
