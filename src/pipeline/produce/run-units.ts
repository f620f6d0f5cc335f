import type { Kernels } from '../../model/kernels.ts'
import { runUnit } from '../fused.ts'
import type { ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/** Shared between threads: [next unit, finished units, stop flag]. */
export const NEXT = 0
export const DONE = 1
export const STOP = 2
export const COUNTERS = 3

/** Units that threads began before all was known: `taken` are theirs, and this thread's own, if it has one, comes first. */
export interface BegunUnits {
  readonly taken: readonly number[]
  readonly own?: { readonly index: number; readonly result: Promise<UnitResult> }
}

/**
 * Takes units by an atomic counter until none is left. Every thread runs this same loop; results carry the unit's index,
 * so sums can be made in unit order whatever thread ran it.
 */
export async function runUnits(
  jobs: readonly ProduceJob[],
  units: readonly Unit[],
  counters: Int32Array,
  io: UnitIo,
  kernels: Kernels,
  progress?: (done: number, label: string) => void | Promise<void>,
  begun?: BegunUnits,
): Promise<Map<number, UnitResult>> {
  const results = new Map<number, UnitResult>()
  const order = largestFirst(jobs, units).filter((index) => !begun?.taken.includes(index))
  if (begun?.own) {
    results.set(begun.own.index, await begun.own.result)
    Atomics.add(counters, DONE, 1)
  }
  for (;;) {
    if (Atomics.load(counters, STOP) !== 0) return results
    const index = order[Atomics.add(counters, NEXT, 1)]
    const unit = index === undefined ? undefined : units[index]
    if (index === undefined || unit === undefined) return results
    const job = jobs[unit.job] as ProduceJob
    results.set(index, await runUnit(job, unit, io, kernels))
    const done = Atomics.add(counters, DONE, 1) + 1
    const wait = progress?.(done, job.label)
    if (wait) await wait
  }
}

/** Indexes of units, most elements first, so that threads end at about the same time; equal ones in file order. */
export function largestFirst(jobs: readonly ProduceJob[], units: readonly Unit[]): number[] {
  const spans = new Map<number, number>()
  for (const unit of units) spans.set(unit.job, (spans.get(unit.job) ?? 0) + (unit.to - unit.from))
  const sizes = units.map((unit) => {
    const elements = (jobs[unit.job] as ProduceJob).shape.reduce((a, b) => a * b, 1)
    const span = spans.get(unit.job) ?? 0
    return unit.whole || span === 0 ? elements : (elements * (unit.to - unit.from)) / span
  })
  return units.map((_, index) => index).sort((a, b) => (sizes[b] as number) - (sizes[a] as number) || a - b)
}
