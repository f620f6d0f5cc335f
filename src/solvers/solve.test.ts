import { expect, test } from 'vitest'
import { integerSpec } from '../../test/contracts/packing.ts'
import { solverContract } from '../../test/contracts/solver.ts'
import { weightKinds } from '../../test/contracts/weights.ts'
import { createReferenceKernels } from '../kernels/reference/index.ts'
import { createWasmKernelsSync } from '../kernels/wasm.ts'
import { solveTensor } from './solve.ts'

const wasm = createWasmKernelsSync()
const reference = createReferenceKernels()

solverContract('nearest', solveTensor, wasm)
solverContract('search', solveTensor, wasm)

test.each(['nearest', 'search'] as const)('%s: WASM and its twin give the same tensors and errors', (solver) => {
  const values = weightKinds.heavyTailed(9, 3 * 37 * 70)
  for (const along of ['row', 'column'] as const) {
    for (const bits of [2, 4, 8] as const) {
      for (const granularity of ['tensor', 'channel', 32] as const) {
        for (const symmetric of [true, false]) {
          const spec = integerSpec(bits, granularity, symmetric, bits === 4 ? 'f16' : 'f32')
          const view = { stack: 3, channels: 37, depth: 70, along }
          expect(solveTensor(values, view, spec, solver, wasm)).toEqual(
            solveTensor(values, view, spec, solver, reference),
          )
        }
      }
    }
  }
})
