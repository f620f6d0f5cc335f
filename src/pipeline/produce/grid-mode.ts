import { FitMode } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { SolverId } from '../../model/scheme.ts'

/** The fit mode that a solver uses for a spec; the one place that says so. */
export function fitModeOf(spec: IntegerSpec, solver: SolverId): FitMode {
  if (solver === 'search') return spec.symmetric ? FitMode.SearchSymmetric : FitMode.SearchAsymmetric
  if (!spec.symmetric) return FitMode.Asymmetric
  return spec.bits === 8 ? FitMode.Symmetric : FitMode.SignedExtreme
}
