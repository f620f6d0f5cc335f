import type { Tools } from '../../model/tools.ts'
import type { GramCodes, GramRows } from '../../solvers/gram/rows.ts'
import type { GramChoice, GramSolver } from '../../solvers/gram/solve-gram.ts'
import { paced } from '../breath.ts'

/** Who solves the rows of a weight: this thread, or several at once with the same codes. */
export interface RowSolving {
  /** Room, all zero, for matrices that all rows are solved with; kept until `forget`. */
  readonly floats: (length: number) => Float32Array
  /** Nobody looks at what `floats` gave any more. */
  forget(): void
  /** `GramSolver.aimedSteps` */
  aimed(solver: GramSolver, rows: GramRows, choice: GramChoice): Promise<GramRows | null>
  /** `GramSolver.codeSteps` */
  code(solver: GramSolver, aimed: GramRows, choice: GramChoice): Promise<GramCodes | null>
}

/** Rows after each other, with breath between steps. */
export function ownRows(tools: Tools): RowSolving {
  return {
    floats: (length) => new Float32Array(length),
    forget: () => {},
    aimed: (solver, rows, choice) => paced(solver.aimedSteps(rows, choice), tools),
    code: (solver, aimed, choice) => paced(solver.codeSteps(aimed, choice), tools),
  }
}
