import { binsOf } from '../../calibration/ranges/distribution.ts'
import type { ActivationGrid, StaticProduct } from '../../model/activation.ts'
import type { SaturationFacts } from '../../model/layer-facts.ts'
import type { ValueStatistics } from '../../model/statistics.ts'

/** What the kernel of a CPU without VNNI adds two products in. */
const HIGHEST = 32767
const LOWEST = 32768
const CODES = 256
const SIZES = 129

/** How often each u8 code of a value occurs, as shares. */
export function codeShares(seen: ValueStatistics, grid: ActivationGrid): Float64Array {
  const shares = new Float64Array(CODES)
  if (!(seen.min <= seen.max)) return shares
  const bins = binsOf(seen)
  const codeOf = (value: number) => Math.min(CODES - 1, Math.max(0, Math.floor(value / grid.scale + grid.zero + 0.5)))
  for (let bin = 0; bin < bins.count.length; bin++) {
    const [from, to, mass] = [bins.from[bin] as number, bins.to[bin] as number, bins.count[bin] as number]
    const [first, last] = [codeOf(from), codeOf(to)]
    for (let code = first; code <= last; code++) {
      const left = code === first ? from : (code - grid.zero - 0.5) * grid.scale
      const right = code === last ? to : (code - grid.zero + 0.5) * grid.scale
      const part = to > from ? (right - left) / (to - from) : 1
      shares[code] = (shares[code] as number) + mass * part
    }
  }
  const zero = codeOf(0)
  shares[zero] = (shares[zero] as number) + bins.zeros
  return shares.map((share) => share / bins.total)
}

/**
 * How often u8 x s8 kernels that add pairs of products in 16 bits would saturate on signed codes of a weight: the share of pairs, and
 * of results with at least one such pair, for activations that are drawn independently from `shares`.
 */
export function saturationOf(
  product: StaticProduct,
  codes: Int8Array,
  shares: Float64Array,
): { readonly pairs: number; readonly results: number } {
  if (product.depthwise || product.weight === null || codes.length === 0) return { pairs: 0, results: 0 }
  const chance = pairChances(shares)
  let [pairs, saturated, results, channels] = [0, 0, 0, 0]
  eachChannel(product, (depth, at) => {
    let none = 1
    for (let step = 0; step + 1 < depth; step += 2) {
      const found = chance(codes[at(step)] as number, codes[at(step + 1)] as number)
      saturated += found
      none *= 1 - found
    }
    pairs += Math.floor(depth / 2)
    results += 1 - none
    channels += 1
  })
  return { pairs: pairs === 0 ? 0 : saturated / pairs, results: channels === 0 ? 0 : results / channels }
}

/** The same for what was written (u8 codes never saturate) and for plain s8 codes. */
export function saturationFacts(
  product: StaticProduct,
  form: 's8' | 'u8',
  codes: Int8Array,
  shares: Float64Array,
): SaturationFacts {
  const plain = saturationOf(product, codes, shares)
  const written = form === 'u8' ? { pairs: 0, results: 0 } : plain
  return { ...written, plainPairs: plain.pairs, plainResults: plain.results }
}

/** Chance that a0 w0 + a1 w1 leaves 16 bits, remembered by the sizes of the weights. */
function pairChances(shares: Float64Array): (first: number, second: number) => number {
  const known = new Float64Array(2 * SIZES * SIZES).fill(-1)
  // Share of codes from k on.
  const from = new Float64Array(CODES + 1)
  for (let code = CODES - 1; code >= 0; code--) from[code] = (from[code + 1] as number) + (shares[code] as number)
  return (first, second) => {
    if (first < 0 !== second < 0) return 0
    const [a, b] = [Math.abs(first), Math.abs(second)]
    const most = first < 0 ? LOWEST : HIGHEST
    if ((CODES - 1) * (a + b) <= most) return 0
    const at = (first < 0 ? SIZES * SIZES : 0) + a * SIZES + b
    if ((known[at] as number) >= 0) return known[at] as number
    let sum = 0
    for (let code = 0; code < CODES; code++) {
      const least = Math.floor((most - code * a) / b) + 1
      if (least < CODES) sum += (shares[code] as number) * (from[Math.max(0, least)] as number)
    }
    known[at] = sum
    return sum
  }
}

/** Calls with the length of the reduction of every output channel, and where in the file its steps are, in the kernel's order. */
function eachChannel(product: StaticProduct, visit: (depth: number, at: (step: number) => number) => void): void {
  const { shape, axis } = product.weight as NonNullable<StaticProduct['weight']>
  if (product.op === 'Conv') {
    const [channels = 0, depth = 0] = shape
    const positions = shape.slice(2).reduce((a, b) => a * b, 1)
    for (let channel = 0; channel < channels; channel++) {
      // Kernel position by position, the input channels of each together.
      visit(depth * positions, (step) => {
        const position = Math.floor(step / depth)
        return (channel * depth + (step - position * depth)) * positions + position
      })
    }
    return
  }
  const [rows = 0, columns = 0] = shape.slice(-2)
  const all = shape.reduce((a, b) => a * b, 1)
  const byRow = axis !== null && axis === shape.length - 2
  for (let base = 0; base < all; base += rows * columns) {
    for (let channel = 0; channel < (byRow ? rows : columns); channel++) {
      if (byRow) visit(columns, (step) => base + channel * columns + step)
      else visit(rows, (step) => base + step * columns + channel)
    }
  }
}
