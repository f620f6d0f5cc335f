import type { Effort } from '../../model/array-scheme.ts'
import { fitScale } from '../fitting/fit-scale.ts'
import { encodeNearest } from '../fitting/nearest-level.ts'
import { ascending } from './level-order.ts'

/** Values looked at, in whole runs spread evenly over the array. */
const MOST_VALUES = 65536
const LONGEST_RUN = 4096
const LEAST_GAIN = 3e-5

/**
 * The table that, with a scale of either sign for each run, gives the runs the least squared error that turns find:
 * every run's best scale for the table, then every level to the weighted mean of the values that chose it, in units of
 * their scales. From evenly spaced levels. The largest magnitude becomes 1. Ascending.
 */
export function fitTable(
  values: Float32Array,
  run: number,
  count: number,
  turns: number,
  effort: Effort,
): Float32Array {
  const length = Math.max(1, Math.min(run, LONGEST_RUN, values.length))
  const runs = Math.floor(values.length / length)
  const taken = Math.min(runs, Math.ceil(MOST_VALUES / length))
  let levels = Float32Array.from({ length: count }, (_, i) => i - count / 2)
  const options = { effort, signed: true, round: Math.fround }
  const codes = new Uint16Array(length)
  let before = Infinity
  for (let turn = 0; turn < turns && taken > 0; turn++) {
    const table = ascending(levels)
    const crosses = new Float64Array(count)
    const squares = new Float64Array(count)
    let error = 0
    let energy = 0
    for (let i = 0; i < taken; i++) {
      const from = Math.floor((i * runs) / taken) * length
      const part = values.subarray(from, from + length)
      const scale = fitScale(part, undefined, table, options)
      if (scale === 0) continue
      encodeNearest(part, scale, table, codes)
      for (let at = 0; at < length; at++) {
        const code = codes[at]!
        const x = part[at]!
        const missing = x - scale * levels[code]!
        crosses[code] = crosses[code]! + scale * x
        squares[code] = squares[code]! + scale * scale
        error += missing * missing
        energy += x * x
      }
    }
    if (!(error < before - LEAST_GAIN * error) || !(energy > 0)) break
    before = error
    levels = levels.map((level, code) => (squares[code]! > 0 ? crosses[code]! / squares[code]! : level))
  }
  const largest = levels.reduce((most, level) => Math.max(most, Math.abs(level)), 0)
  return levels.map((level) => level / largest).sort()
}
