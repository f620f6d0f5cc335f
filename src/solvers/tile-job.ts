import type { FitMode, Kernels } from '../model/kernels.ts'
import type { IntegerSpec } from '../model/packing.ts'
import type { SolverId } from '../model/scheme.ts'
import { nearestMode } from './nearest.ts'
import { searchMode } from './search.ts'

/** What the loops over tiles share: where values come from and codes and grids go. */
export interface TileJob {
  readonly values: Float32Array
  readonly codes: Uint8Array
  /** Channel-major grids of the whole tensor. */
  readonly scales: Float32Array
  readonly zeros: Uint8Array | undefined
  readonly spec: IntegerSpec
  readonly solver: SolverId
  readonly kernels: Kernels
}

/** The arguments that `fit*` takes after the shape. */
export function fitArguments(spec: IntegerSpec, solver: SolverId): { mode: FitMode; maxCode: number; half: 0 | 1 } {
  const mode = solver === 'nearest' ? nearestMode(spec) : searchMode(spec)
  return { mode, maxCode: (1 << spec.bits) - 1, half: spec.scale === 'f16' ? 1 : 0 }
}
