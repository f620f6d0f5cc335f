import type { CodedSpec } from '../../model/packing.ts'
import { CALL_ELEMENTS } from './tile.ts'
import type { ProduceJob } from './types.ts'

/** Channels of a unit: about a MiB of elements, ending where a run of elements with one scale and a byte end. */
export function levelPanel({ spec, view }: Pick<ProduceJob, 'spec' | 'view'>): number {
  const { granularity } = spec as CodedSpec
  const whole = granularity.kind === 'run' ? granularity.size / commonDivisor(granularity.size, view.depth) : 1
  const least = (whole * view.depth) % 2 === 0 ? whole : whole * 2
  return Math.max(1, Math.floor(CALL_ELEMENTS / (view.depth * least))) * least
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b)
}
