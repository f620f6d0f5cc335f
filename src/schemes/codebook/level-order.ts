import { type PreparedTable, prepareTable } from '../fitting/prepared-table.ts'

/** The different levels in order, each with its first code: a table given by the caller need not be sorted. */
export function ascending(table: Float32Array): PreparedTable {
  const order = Array.from(table.keys()).sort((a, b) => table[a]! - table[b]! || a - b)
  const codes = order.filter((code, i) => i === 0 || table[code] !== table[order[i - 1]!])
  return prepareTable({ levels: Float32Array.from(codes, (code) => table[code]!), codes: Uint16Array.from(codes) })
}

/** Half of the widest gap that meets [low, high], or the distance from an end to its level. */
export function distanceBound(levels: ArrayLike<number>, low: number, high: number): number {
  let bound = 0
  let fromLow = Infinity
  let fromHigh = Infinity
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!
    fromLow = Math.min(fromLow, Math.abs(low - level))
    fromHigh = Math.min(fromHigh, Math.abs(high - level))
    if (i + 1 === levels.length) break
    const middle = (level + levels[i + 1]!) / 2
    if (middle >= low && middle <= high) bound = Math.max(bound, (levels[i + 1]! - level) / 2)
  }
  return Math.max(bound, fromLow, fromHigh)
}
