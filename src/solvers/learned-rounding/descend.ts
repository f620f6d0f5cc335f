import { roundHalfEven } from '../../numbers/rounding.ts'

/** Codes of one output: value = scale * code. */
export interface ChannelCodes {
  readonly codes: Int8Array
  readonly scale: number
  /** The lowest code of those that it may have. */
  readonly low: number
  /** Part of the error that is left of what all-zero codes leave; for figures. */
  readonly loss: number
}

export interface Descent {
  /** [depth][depth] second moments of what the weights meet, about their means. */
  readonly gram: Float64Array
  /** Moments of what they meet with what they should give. */
  readonly cross: Float64Array
  /** Pull towards the weights as they are, for every element: added to the diagonal of `gram`. */
  readonly ridge: number
  readonly range: CodeRange
}

/** Codes that outputs may have: as many as the width says, `least` to `most`, or with `moves` the same number around another zero. */
export interface CodeRange {
  readonly least: number
  readonly most: number
  readonly moves: boolean
}

/** A scale and a lowest code to start from. */
interface Start {
  readonly scale: number
  readonly low: number
}

/** Scales tried at the start: parts of the largest magnitude, over the last code on its side. */
const PARTS = Array.from({ length: 21 }, (_, i) => 0.4 + 0.03 * i)
const ROUNDS = 3
/** Depths up to which several scales are started from. */
const [SMALL, MIDDLE] = [32, 200]
const SWEEPS = 6

/**
 * Codes of one output's weights for the least squared error of what it gives: scale by search over the diagonal of the moments, then in
 * turn coordinate descent on the codes (as QuantEase, Behdin et al. 2023) and the scale of least squares. Scales may be negative: there
 * is one code more on one side. The better of what rounds give is kept.
 */
export function descendChannel(weights: Float32Array, descent: Descent): ChannelCodes {
  const { gram, cross, ridge, range } = descent
  const depth = weights.length
  const wanted = Float64Array.from(cross, (value, j) => value + ridge * (weights[j] as number))
  const starts = startsOf(weights, (j) => (gram[j * depth + j] as number) + ridge, range)
  let best: ChannelCodes | undefined
  for (const start of starts.slice(0, depth <= SMALL ? 8 : depth <= MIDDLE ? 3 : 1)) {
    const found = descendFrom(start, weights, wanted, descent)
    if (best === undefined || found.loss < best.loss) best = found
  }
  return best as ChannelCodes
}

/** Squared error that codes leave, less what does not depend on them. */
export function lossOf(
  { codes, scale }: ChannelCodes,
  { gram, cross }: { readonly gram: Float64Array; readonly cross: Float64Array },
): number {
  const met = gramTimes(gram, Float64Array.from(codes), 0)
  let [hit, energy] = [0, 0]
  for (let j = 0; j < codes.length; j++) {
    hit += (codes[j] as number) * (cross[j] as number)
    energy += (codes[j] as number) * (met[j] as number)
  }
  return scale * scale * energy - 2 * scale * hit
}

function descendFrom(
  { scale: start, low }: Start,
  weights: Float32Array,
  wanted: Float64Array,
  { gram, ridge, range }: Descent,
): ChannelCodes {
  const depth = weights.length
  const high = low + range.most - range.least
  let scale = start
  const codes = new Float64Array(depth)
  for (let j = 0; j < depth; j++) codes[j] = nearest((weights[j] as number) / scale, low, high)
  let best: ChannelCodes = { codes: Int8Array.from(codes), scale, low, loss: Number.POSITIVE_INFINITY }
  for (let round = 0; round < ROUNDS; round++) {
    const met = gramTimes(gram, codes, ridge)
    sweep(codes, met, wanted, gram, ridge, scale, low, high)
    let [hit, energy] = [0, 0]
    for (let j = 0; j < depth; j++) {
      hit += (codes[j] as number) * (wanted[j] as number)
      energy += (codes[j] as number) * (met[j] as number)
    }
    if (energy > 0 && hit !== 0) scale = Math.fround(hit / energy)
    const loss = scale * scale * energy - 2 * scale * hit
    if (loss >= best.loss) break
    best = { codes: Int8Array.from(codes), scale, low, loss }
  }
  return best
}

/** Nearest codes at the scale of least squared error, or (`extreme`) where the largest magnitude is the last code. */
export function searchChannel(weights: Float32Array, range: CodeRange, extreme = false): ChannelCodes {
  const [{ scale, low } = { scale: 1, low: range.least }] = startsOf(weights, () => 1, range, extreme ? [1] : PARTS)
  const high = low + range.most - range.least
  return { codes: Int8Array.from(weights, (weight) => nearest(weight / scale, low, high)), scale, low, loss: 0 }
}

/** Scales and ranges by what nearest codes leave, best first. */
function startsOf(
  weights: Float32Array,
  importance: (index: number) => number,
  { least, most, moves }: CodeRange,
  parts = PARTS,
): readonly Start[] {
  let [min, max] = [0, 0]
  for (const weight of weights) {
    if (weight < min) min = weight
    if (weight > max) max = weight
  }
  const extreme = -min > max ? min : max
  const steps = most - least
  const found: (Start & { readonly error: number })[] = []
  const tryOne = (scale: number, low: number): void => {
    let error = 0
    for (let j = 0; j < weights.length; j++) {
      const weight = weights[j] as number
      const rest = weight - scale * nearest(weight / scale, low, low + steps)
      error += rest * rest * importance(j)
    }
    found.push({ scale, low, error })
  }
  for (const part of parts) {
    for (const full of [extreme / least, extreme / most]) {
      const scale = Math.fround(full * part)
      if (scale !== 0) tryOne(scale, least)
    }
    const scale = Math.fround(((max - min) / steps) * part)
    if (!moves || scale === 0) continue
    const ends = [roundHalfEven(min / scale), roundHalfEven(max / scale) - steps]
    const lows = [...ends, Math.floor(((ends[0] as number) + (ends[1] as number)) / 2)]
    for (const low of new Set(lows.map((one) => Math.min(0, Math.max(-steps, one))))) tryOne(scale, low)
  }
  if (found.length === 0) return [{ scale: 1, low: least }]
  return found.sort((a, b) => a.error - b.error)
}

function nearest(value: number, least: number, most: number): number {
  const code = roundHalfEven(value)
  return code > most ? most : code < least ? least : code
}

/** (gram + ridge) * codes. */
export function gramTimes(gram: Float64Array, codes: Float64Array, ridge: number): Float64Array {
  const depth = codes.length
  const met = new Float64Array(depth)
  for (let j = 0; j < depth; j++) {
    const code = codes[j] as number
    if (code === 0) continue
    const at = j * depth
    for (let i = 0; i < depth; i++) met[i] = (met[i] as number) + (gram[at + i] as number) * code
    met[j] = (met[j] as number) + ridge * code
  }
  return met
}

/** Moves codes one at a time to where the others want them, until none moves; `met` follows. */
function sweep(
  codes: Float64Array,
  met: Float64Array,
  wanted: Float64Array,
  gram: Float64Array,
  ridge: number,
  scale: number,
  least: number,
  most: number,
): void {
  const depth = codes.length
  for (let turn = 0; turn < SWEEPS; turn++) {
    let moved = false
    for (let j = 0; j < depth; j++) {
      const own = (gram[j * depth + j] as number) + ridge
      if (own <= 0) continue
      const code = codes[j] as number
      const wish = code + ((wanted[j] as number) / scale - (met[j] as number)) / own
      const next = nearest(wish, least, most)
      const change = next - code
      if (change === 0 || Math.abs(wish - next) >= Math.abs(wish - code)) continue
      codes[j] = next
      const at = j * depth
      for (let i = 0; i < depth; i++) met[i] = (met[i] as number) + (gram[at + i] as number) * change
      met[j] = (met[j] as number) + ridge * change
      moved = true
    }
    if (!moved) break
  }
}
