import { exactScale } from './exact-scale.ts'
import { errorOfGrid } from './fast-offset.ts'
import type { Offset, OffsetOptions } from './fit-offset.ts'
import { type PreparedTable, prepareTable } from './prepared-table.ts'
import { storedNeighbours } from './stored-neighbours.ts'
import { type BlockSummary, summarize } from './weighted-values.ts'

const tables = new Map<number, PreparedTable>()
let shifted = new Float32Array(256)

/**
 * Stored parameters near ideal ones: for the stored offsets next to the ideal one on both sides, the best stored scale
 * of all, by sweep. `start` stays if it is better.
 */
export function settleOffset(
  values: Float32Array,
  block: BlockSummary,
  maxCode: number,
  options: OffsetOptions,
  start: Offset,
  ideal: Offset,
): Offset {
  const best = { ...start }
  let bestError = errorOfGrid(values, block, maxCode, start)
  let table = tables.get(maxCode)
  if (table === undefined) {
    table = prepareTable({ levels: Float32Array.from({ length: maxCode + 1 }, (_, code) => code) })
    tables.set(maxCode, table)
  }
  if (shifted.length < values.length) shifted = new Float32Array(values.length)
  const above = shifted.subarray(0, values.length)
  const scaleOptions = { effort: 'exact', signed: false, round: options.roundScale } as const
  for (const offset of storedNeighbours(ideal.offset, options.roundOffset)) {
    for (let i = 0; i < values.length; i++) above[i] = values[i]! - offset
    const nearest = options.roundScale(ideal.scale)
    const closed = nearest > 0 && Number.isFinite(nearest) ? nearest : best.scale
    const scale = exactScale(above, summarize(above, block.weights), table, scaleOptions, closed)
    const grid = { scale, offset }
    const error = errorOfGrid(values, block, maxCode, grid)
    if (error < bestError) {
      bestError = error
      best.scale = scale
      best.offset = offset
    }
  }
  return best
}
