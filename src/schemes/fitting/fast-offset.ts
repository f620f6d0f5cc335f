import { emptySums, sumCodes } from './even-sums.ts'
import { fitAffine } from './fit-affine.ts'
import type { Offset, OffsetOptions } from './fit-offset.ts'
import { storedNeighbours } from './stored-neighbours.ts'
import type { BlockSummary } from './weighted-values.ts'

/** Ranges to try, as parts of the block's range, and how far from the centred place each is moved, in steps. */
const PARTS = [1.04, 1, 0.97, 0.94, 0.91, 0.88, 0.85, 0.82, 0.79, 0.75, 0.7, 0.64, 0.58]
const PARTS_OF_FINE = [1.002, 0.997, 0.993, 0.987, 0.975, 0.95, 0.9]
const MOVES = [-0.4, -0.2, 0, 0.2, 0.4]
const LEADERS = 6
const REFITS = 5
/** Stored offsets further off than this part of a step are taken as they are, and the scale is fitted to them. */
const COARSE = 0.02

const sums = emptySums()

/** A grid and its error; `scale` and `low` (the offset less the centre) are what a least-squares step makes of it. */
interface Candidate {
  scale: number
  low: number
  error: number
}

/** Ranges and places, each with a least-squares step in view; the best are refitted until they rest. */
export function fastOffset(
  values: Float32Array,
  block: BlockSummary,
  maxCode: number,
  options: OffsetOptions,
  closed: Offset,
): Offset {
  const { weights } = block
  const centre = (block.top + block.bottom) / 2
  const span = block.top - block.bottom
  const leaders: Candidate[] = []
  for (const part of maxCode > 63 ? PARTS_OF_FINE : PARTS) {
    const scale = (span * part) / maxCode
    for (const move of MOVES) {
      sumCodes(values, weights, centre, 1 / scale, maxCode / 2 + move, maxCode, sums)
      keep(leaders, fittedLine())
    }
  }
  keepAnchored(values, block, centre, maxCode, leaders)
  const best: Offset = { ...closed }
  let bestError = errorOf(values, block, centre, maxCode, closed)
  for (const leader of leaders) {
    let { scale, low } = leader
    for (let turn = 0; turn < REFITS; turn++) {
      const stored = { scale: options.roundScale(scale), offset: options.roundOffset(low + centre) }
      if (!(stored.scale > 0) || !Number.isFinite(stored.scale) || !Number.isFinite(stored.offset)) break
      // The offset again, for the scale as it is stored.
      const error = errorOf(values, block, centre, maxCode, stored)
      const line = fittedLine()
      if (error < bestError) {
        bestError = error
        best.scale = stored.scale
        best.offset = stored.offset
      }
      if (line.scale === scale && line.low === low) break
      scale = line.scale
      low = line.low
    }
    const ideal = low + centre
    if (Math.abs(options.roundOffset(ideal) - ideal) < COARSE * scale) continue
    for (const offset of storedNeighbours(ideal, options.roundOffset)) {
      let wanted = scale
      for (let turn = 0; turn < REFITS; turn++) {
        const stored = { scale: options.roundScale(wanted), offset }
        if (!(stored.scale > 0) || !Number.isFinite(stored.scale)) break
        const error = errorOf(values, block, centre, maxCode, stored)
        if (error < bestError) {
          bestError = error
          best.scale = stored.scale
          best.offset = offset
        }
        const fitted = (sums.cross - (offset - centre) * sums.code) / sums.codeSquare
        if (!(fitted > 0) || fitted === wanted) break
        wanted = fitted
      }
    }
  }
  return best
}

let ordered = new Float32Array(256)

/** Many zeros, or values around one, want a level there: the best grid with a level at the median joins the others. */
function keepAnchored(
  values: Float32Array,
  block: BlockSummary,
  centre: number,
  maxCode: number,
  leaders: Candidate[],
): void {
  if (ordered.length < values.length) ordered = new Float32Array(values.length)
  const away = ordered.subarray(0, values.length)
  away.set(values)
  away.sort()
  const median = away[values.length >>> 1]!
  for (let i = 0; i < values.length; i++) away[i] = values[i]! - median
  const { scale, zero } = fitAffine(away, block.weights, maxCode, { effort: 'fast', round: Math.fround })
  if (!(scale > 0)) return
  sumCodes(values, block.weights, centre, 1 / scale, zero + (centre - median) / scale, maxCode, sums)
  keep(leaders, fittedLine())
}

/** Least squares over the codes of `sums`; error less the block's own energy. */
function fittedLine(): Candidate {
  const { weight, x, code, codeSquare, cross } = sums
  const spread = codeSquare - (code * code) / weight
  const scale = spread > 0 ? (cross - (x * code) / weight) / spread : 0
  const low = (x - scale * code) / weight
  return { scale, low, error: -scale * scale * spread - (x * x) / weight }
}

/** Error, less a constant, of a grid as stored; leaves its sums. */
function errorOf(values: Float32Array, block: BlockSummary, centre: number, maxCode: number, grid: Offset): number {
  const { scale } = grid
  const low = grid.offset - centre
  const inverse = scale === 0 ? 0 : 1 / scale
  sumCodes(values, block.weights, centre, inverse, -low * inverse, maxCode, sums)
  const { weight, x, code, codeSquare, cross } = sums
  return low * low * weight + scale * scale * codeSquare + 2 * low * scale * code - 2 * low * x - 2 * scale * cross
}

function keep(leaders: Candidate[], candidate: Candidate): void {
  if (!(candidate.scale > 0)) return
  let at = leaders.length
  while (at > 0 && leaders[at - 1]!.error > candidate.error) at--
  if (at === LEADERS) return
  leaders.splice(at, 0, candidate)
  if (leaders.length > LEADERS) leaders.pop()
}

/**
 * Weighted squared error, less the energy of the values about the middle of their range: to compare grids of one block.
 */
export function errorOfGrid(values: Float32Array, block: BlockSummary, maxCode: number, grid: Offset): number {
  return errorOf(values, block, (block.top + block.bottom) / 2, maxCode, grid)
}
