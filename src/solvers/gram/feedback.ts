import type { Kernels } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { type CodeLevels, nearestIndex } from '../../numbers/level-tables/code-levels.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { levelFit } from '../levels/solve-levels.ts'
import { searchMode } from '../search.ts'
import type { GramFactor } from './factor.ts'
import { blockOf, type GramCodes, type GramRows, gridOf } from './rows.ts'
import { finish, type Steps } from './steps.ts'

/** Channels side by side. */
const WIDTH = 64
/** Rows of a call of the kernel: with the columns of a chunk they stay in the nearest cache. */
const NEAR = 64
/** Rows whose pulls a call of the kernel brings up to date together; what they do to each other is added one by one. */
const TOGETHER = 4
/** Longest block whose grid is found when the pass gets there; longer ones are found before. */
const LONGEST = 256

/**
 * Error feedback (GPTQ, Frantar et al. 2022) over all channels at once: column after column the nearest code of the weight plus what
 * the errors of the columns before ask of it. The grid of a block is searched when the pass gets there, on the weights as
 * they are by then; `order` takes the columns in another order, with the grids of `given` (act-order with static groups). Grids of runs
 * have to be given.
 * Sums of feedback are in f32, in chunks of columns, in one order.
 */
export function feedbackRows(
  rows: GramRows,
  factor: GramFactor,
  kernels: Kernels,
  given?: Pick<GramCodes, 'scales' | 'zeros'>,
  order?: Int32Array,
): GramCodes {
  return finish(feedbackSteps(rows, factor, kernels, given, order))
}

/** `feedbackRows` in steps; the kernels are nobody else's between them. */
export function* feedbackSteps(
  rows: GramRows,
  factor: GramFactor,
  kernels: Kernels,
  given?: Pick<GramCodes, 'scales' | 'zeros'>,
  order?: Int32Array,
): Steps<GramCodes> {
  const { values, channels, depth, spec } = rows
  const block = blockOf(rows)
  const blocks = Math.ceil(depth / block)
  const most = 2 ** spec.bits - 1
  const table = levelFit(spec, 'search')
  const gridAt = gridOf(rows)
  const found = {
    codes: new Uint8Array(channels * depth),
    scales: given ? given.scales.slice() : new Float32Array(channels * blocks),
    zeros: given ? given.zeros.slice() : new Uint8Array(channels * blocks).fill(2 ** (spec.bits - 1)),
  }
  const chunk = !given && block <= LONGEST ? block : 32
  const padded = Math.ceil(chunk / 4) * 4
  const chunks = Math.ceil(depth / chunk)
  // Columns of a chunk of M, for all rows above its end.
  const packedAt: number[] = []
  let packedSize = 0
  for (let c = 0; c < chunks; c++) {
    packedAt.push(packedSize)
    packedSize += Math.min(depth, (c + 1) * chunk) * padded
  }
  const height = Math.max(depth, chunk)
  const sizes = [
    packedSize,
    height * WIDTH,
    padded * WIDTH,
    padded * WIDTH,
    Math.max(chunk, depth) * WIDTH,
    WIDTH,
    WIDTH,
  ]
  const start = kernels.reserve(sizes.reduce((sum, size) => sum + size + 16, 0) * 4)
  let next = start
  const [packedStart, errorStart, pullStart, askedStart, tileStart, scaleStart, zeroStart] = sizes.map((size) => {
    const here = next
    next += Math.ceil(size / 16) * 64
    return here
  }) as [number, number, number, number, number, number, number]
  const view = (from: number, length: number): Float32Array => new Float32Array(kernels.memory, from, length)
  const packed = view(packedStart, packedSize).fill(0)
  for (let c = 0; c < chunks; c++) {
    const from = c * chunk
    const to = Math.min(depth, from + chunk)
    for (let row = 0; row < to; row++) {
      packed.set(factor.upper.subarray(row * depth + from, row * depth + to), (packedAt[c] as number) + row * padded)
    }
  }
  const errors = view(errorStart, height * WIDTH)
  const pull = view(pullStart, padded * WIDTH)
  const asked = view(askedStart, padded * WIDTH)
  const tile = view(tileStart, Math.max(chunk, depth) * WIDTH)
  const target = new Float32Array(depth * WIDTH)
  const codes = new Uint8Array(chunk * WIDTH)
  const scales = new Float32Array(WIDTH)
  const zeros = new Uint8Array(WIDTH)
  const half = spec.scale === 'f16' ? 1 : 0
  const columnOf = (k: number): number => (order ? (order[k] as number) : k)
  /** Row `l` of `asked` gets what the errors of the rows before it in its chunk ask. */
  const ask = (l: number, own: number, from: number): void => {
    const group = l - (l % TOGETHER)
    if (l === group && l > 0) {
      const a = packedStart + (own + l) * 4
      kernels.crossRows(
        a,
        padded,
        errorStart + from * WIDTH * 4,
        WIDTH,
        l,
        TOGETHER,
        WIDTH,
        askedStart + l * WIDTH * 4,
        WIDTH,
      )
    }
    for (let j = group; j < l; j++) {
      addScaled(asked, l * WIDTH, packed[own + j * padded + l] as number, errors, (from + j) * WIDTH)
    }
  }

  for (let first = 0; first < channels; first += WIDTH) {
    const width = Math.min(WIDTH, channels - first)
    target.fill(0)
    for (let n = 0; n < width; n++) turn(values, (first + n) * depth, order, target, n, depth)
    const fit = (length: number, index: number): void => {
      if (table) {
        const some = new Float32Array(length)
        for (let n = 0; n < width; n++) {
          for (let l = 0; l < length; l++) some[l] = tile[l * WIDTH + n] as number
          found.scales[(first + n) * blocks + index] = table.fit(some)
        }
        return
      }
      const mode = searchMode(spec as IntegerSpec)
      kernels.fitColumns(tileStart, WIDTH, length, WIDTH, mode, most, half, scaleStart, 1, zeroStart, 1)
      const scales = view(scaleStart, WIDTH)
      const zeros = new Uint8Array(kernels.memory, zeroStart, WIDTH)
      for (let n = 0; n < width; n++) {
        found.scales[(first + n) * blocks + index] = scales[n] as number
        if (!spec.symmetric) found.zeros[(first + n) * blocks + index] = zeros[n] as number
      }
    }
    if (!given && block > LONGEST) {
      for (let index = 0; index < blocks; index++) {
        const length = Math.min(block, depth - index * block)
        tile.set(target.subarray(index * block * WIDTH, (index * block + length) * WIDTH))
        fit(length, index)
      }
    }
    for (let c = 0; c < chunks; c++) {
      yield
      const from = c * chunk
      const length = Math.min(chunk, depth - from)
      const columns = packedStart + (packedAt[c] as number) * 4
      const own = (packedAt[c] as number) + from * padded
      pull.fill(0)
      for (let near = 0; near < from; near += NEAR) {
        const count = Math.min(NEAR, from - near)
        const [a, b] = [columns + near * padded * 4, errorStart + near * WIDTH * 4]
        kernels.crossRows(a, padded, b, WIDTH, count, padded, WIDTH, pullStart, WIDTH)
      }
      if (!given && block <= LONGEST) {
        // What these weights would be if no column from here on were rounded.
        asked.set(pull)
        for (let l = 0; l < length; l++) {
          ask(l, own, from)
          foresee(target, (from + l) * WIDTH, asked, l * WIDTH, tile, errors)
        }
        fit(length, c)
      }
      asked.set(pull)
      let loaded = -1
      for (let l = 0; l < length; l++) {
        ask(l, own, from)
        const column = columnOf(from + l)
        const grid = Math.floor(column / block)
        // Runs begin somewhere else in every channel.
        if (grid !== loaded || spec.granularity.kind === 'run') {
          for (let n = 0; n < width; n++) {
            const own = gridAt(first + n, column)
            scales[n] = found.scales[own] as number
            zeros[n] = found.zeros[own] as number
          }
          loaded = grid
        }
        const here = l * WIDTH
        const at = (from + l) * WIDTH
        if (table) roundLevels(target, at, asked, here, scales, table.levels, width, codes, errors)
        else roundRow(target, at, asked, here, scales, zeros, most, width, codes, errors)
      }
      putBack(codes, width, length, order, from, found.codes, first, depth)
    }
  }
  return found
}

function turn(
  from: Float32Array,
  at: number,
  order: Int32Array | undefined,
  to: Float32Array,
  n: number,
  depth: number,
): void {
  if (order) for (let k = 0; k < depth; k++) to[k * WIDTH + n] = from[at + (order[k] as number)] as number
  else for (let k = 0; k < depth; k++) to[k * WIDTH + n] = from[at + k] as number
}

function addScaled(sums: Float32Array, at: number, factor: number, values: Float32Array, from: number): void {
  for (let n = 0; n < WIDTH; n++) sums[at + n] = (sums[at + n] as number) + factor * (values[from + n] as number)
}

/** A row as it would be if nothing from here on were rounded. */
function foresee(
  target: Float32Array,
  at: number,
  asked: Float32Array,
  here: number,
  tile: Float32Array,
  errors: Float32Array,
): void {
  for (let n = 0; n < WIDTH; n++) {
    const more = asked[here + n] as number
    errors[at + n] = -more
    tile[here + n] = (target[at + n] as number) + more
  }
}

/** The nearest codes of a row, and what they are wrong by. */
function roundRow(
  target: Float32Array,
  at: number,
  asked: Float32Array,
  here: number,
  scales: Float32Array,
  zeros: Uint8Array,
  most: number,
  width: number,
  codes: Uint8Array,
  errors: Float32Array,
): void {
  for (let n = 0; n < width; n++) {
    const weight = target[at + n] as number
    const scale = scales[n] as number
    const zero = zeros[n] as number
    const wanted = scale === 0 ? zero : roundHalfEven((weight + (asked[here + n] as number)) / scale) + zero
    const code = wanted < 0 ? 0 : wanted > most ? most : wanted
    codes[here + n] = code
    errors[at + n] = weight - Math.fround(scale * (code - zero))
  }
}

/** The same for the levels of a table. */
function roundLevels(
  target: Float32Array,
  at: number,
  asked: Float32Array,
  here: number,
  scales: Float32Array,
  table: CodeLevels,
  width: number,
  codes: Uint8Array,
  errors: Float32Array,
): void {
  const { levels, codes: named, zero } = table
  for (let n = 0; n < width; n++) {
    const weight = target[at + n] as number
    const scale = scales[n] as number
    const index = scale === 0 ? zero : nearestIndex(table, (weight + (asked[here + n] as number)) / scale)
    codes[here + n] = named[index] as number
    errors[at + n] = weight - Math.fround(scale * (levels[index] as number))
  }
}

function putBack(
  codes: Uint8Array,
  width: number,
  length: number,
  order: Int32Array | undefined,
  from: number,
  to: Uint8Array,
  first: number,
  depth: number,
): void {
  for (let n = 0; n < width; n++) {
    const at = (first + n) * depth
    for (let l = 0; l < length; l++) {
      to[at + (order ? (order[from + l] as number) : from + l)] = codes[l * WIDTH + n] as number
    }
  }
}
