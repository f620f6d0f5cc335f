import type { Kernels } from '../model/kernels.ts'
import type { IntegerSpec } from '../model/packing.ts'
import type { MatrixView, SolverId } from '../model/scheme.ts'
import { aligned, CALL_ELEMENTS } from '../numbers/tiles.ts'
import { SAFE_PAIR } from './saturation.ts'
import { type Solved, solveTensor } from './solve.ts'

/**
 * Signed codes that no u8 x s8 kernel saturates (see `SAFE_PAIR`), by scales that are large enough: two neighbours of one sign whose
 * sum is P get codes that add up to at most P / scale + 1, one half from rounding each, so scale >= P / 127 keeps every pair
 * within 128. Weights of Gaussian size lose some 30 % of their resolution by it; 7-bit weights, the usual way, lose half.
 */
const MOST = SAFE_PAIR - 1

/** Largest |a + b| over neighbours of one sign in every column, over tiles of whole rows that follow each other. */
export class PairFold {
  readonly most: Float32Array
  readonly #last: Float32Array
  #started = false

  constructor(columns: number) {
    this.most = new Float32Array(columns)
    this.#last = new Float32Array(columns)
  }

  /** `values` holds rows of as many elements as there are columns. */
  add(values: Float32Array): void {
    const columns = this.most.length
    if (columns === 0 || values.length === 0) return
    if (this.#started) this.#pair(this.#last, 0, values, 0)
    for (let at = columns; at < values.length; at += columns) this.#pair(values, at - columns, values, at)
    this.#last.set(values.subarray(values.length - columns))
    this.#started = true
  }

  #pair(before: Float32Array, start: number, after: Float32Array, at: number): void {
    const { most } = this
    for (let c = 0; c < most.length; c++) {
      const a = before[start + c] as number
      const b = after[at + c] as number
      if (a < 0 !== b < 0) continue
      const sum = a + b < 0 ? -a - b : a + b
      if (sum > (most[c] as number)) most[c] = sum
    }
  }
}

/** Raises scales (their signs stay) until no pair of their column can overflow; `most` as `PairFold` leaves it. */
export function raiseScales(scales: Float32Array, most: Float32Array): void {
  for (let c = 0; c < scales.length; c++) {
    const scale = scales[c] as number
    const least = (most[c] as number) / MOST
    if (scale !== 0 && Math.abs(scale) < least) scales[c] = scale < 0 ? -least : least
  }
}

/** `solveTensor` with scales raised where pairs demand it. Only for symmetric codes of 8 bits with a scale a channel. */
export function solveSafePairs(
  values: Float32Array,
  view: MatrixView,
  spec: IntegerSpec,
  solver: SolverId,
  kernels: Kernels,
  label = 'tensor',
): Solved {
  const solved = solveTensor(values, view, spec, solver, kernels, label)
  const { codes, scales } = solved.quantized
  if (view.stack !== 1 || values.length === 0) return solved
  raiseScales(scales, pairsOf(values, view))
  const { depth, channels, along } = view
  const width = along === 'row' ? depth : channels
  const rows = along === 'row' ? channels : depth
  const step = Math.max(1, Math.floor(CALL_ELEMENTS / width))
  const source = kernels.reserve(aligned(4 * step * width) + aligned(4 * channels) + aligned(step * width))
  const grids = source + aligned(4 * step * width)
  const target = grids + aligned(4 * channels)
  new Float32Array(kernels.memory, grids, channels).set(scales)
  let squaredError = 0
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row)
    new Float32Array(kernels.memory, source, count * width).set(values.subarray(row * width, (row + count) * width))
    squaredError +=
      along === 'row'
        ? kernels.encodeRows(source, width, count, width, width, 8, 0, grids + row * 4, 0, target, width)
        : kernels.encodeColumns(source, width, count, width, 8, 0, grids, 1, 0, 1, target, width)
    codes.set(new Uint8Array(kernels.memory, target, count * width), row * width)
  }
  return { ...solved, squaredError }
}

function pairsOf(values: Float32Array, { depth, channels, along }: MatrixView): Float32Array {
  if (along === 'column') {
    const fold = new PairFold(channels)
    fold.add(values)
    return fold.most
  }
  const most = new Float32Array(channels)
  for (let channel = 0; channel < channels; channel++) {
    const fold = new PairFold(1)
    fold.add(values.subarray(channel * depth, (channel + 1) * depth))
    most[channel] = fold.most[0] as number
  }
  return most
}
