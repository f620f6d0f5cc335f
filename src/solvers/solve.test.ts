import { solverContract } from '../../test/contracts/solver.ts'
import { createReferenceKernels } from '../kernels/reference/index.ts'
import { solveTensor } from './solve.ts'

const kernels = createReferenceKernels()

solverContract('nearest', solveTensor, kernels)
solverContract('search', solveTensor, kernels)
