import type { FitMode } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { SolverId } from '../../model/scheme.ts'
import { nearestMode, searchMode } from '../../solvers/index.ts'

/** The fit mode of a solver for a spec, as the solvers themselves say it. */
export function fitModeOf(spec: IntegerSpec, solver: SolverId): FitMode {
  return solver === 'search' ? searchMode(spec) : nearestMode(spec)
}
