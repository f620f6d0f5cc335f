import { parentPort } from 'node:worker_threads'
import { errorFacts } from '../../errors.ts'
import { createKernelsSync, createReferenceKernels } from '../../kernels/index.ts'
import type { Kernels } from '../../model/kernels.ts'
import { aimOnSteps, codeOnSteps, type GramBasis } from '../../solvers/gram/basis.ts'
import type { GramRows } from '../../solvers/gram/rows.ts'
import { finish } from '../../solvers/gram/steps.ts'

/** Rows to solve; the arrays of the basis lie in shared memory. */
export interface RowOrder {
  readonly kernels: Kernels['id']
  readonly basis: GramBasis
  readonly rows: GramRows
  /** Rows are moved by this part of the drift; absent: they are given codes. */
  readonly drift?: number
}

let kernels: Kernels | undefined

parentPort?.on('message', (order: RowOrder) => {
  try {
    kernels ??= order.kernels === 'reference' ? createReferenceKernels() : createKernelsSync()
    const { basis, rows, drift } = order
    if (drift === undefined) {
      const codes = finish(codeOnSteps(basis, rows, kernels))
      const { buffer } = codes.codes as Uint8Array<ArrayBuffer>
      parentPort?.postMessage({ codes }, [buffer])
    } else {
      const { values } = finish(aimOnSteps(basis, rows, drift, kernels))
      parentPort?.postMessage({ values }, [values.buffer as ArrayBuffer])
    }
  } catch (thrown) {
    parentPort?.postMessage({ error: errorFacts(thrown) })
  }
})
