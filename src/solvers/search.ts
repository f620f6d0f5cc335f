import { FitMode } from '../model/kernels.ts'
import type { IntegerSpec } from '../model/packing.ts'

/**
 * Least squared error of each block: a grid of scales around the plain one, then the least-squares scale for the codes
 * found, the best of all kept. The kernel does both, block by block; `stream-grids.ts` does it for grids that do not fit one call.
 */
export function searchMode(spec: IntegerSpec): FitMode {
  return spec.symmetric ? FitMode.SearchSymmetric : FitMode.SearchAsymmetric
}
