/**
 * Evenly spaced levels: int1 .. int16, and any other count of levels, one grid a group.
 *
 *   value = scale * (code - zero)      with a float offset: value = offset + scale * code
 *   code in 0 .. levels - 1; sym and signed: zero = floor(levels / 2)      log2(levels) + grid bits per value
 *
 * Affine quantization as in ONNX DequantizeLinear and PyTorch; signed scales as in ggml's Q4_0; float offsets as in HQQ and k-quants.
 */

import { TersorError } from '../../errors.ts'
import type { Codec, Effort, Group, ParameterSpec, ParameterType } from '../../model/array-scheme.ts'
import { round, roundHalfEven, roundStochastic } from '../../numbers/rounding.ts'
import type { IntegerFitting } from './integer-fitting.ts'

/**
 * `sym`: scale >= 0, the middle code is zero. `signed`: the same with a scale of either sign, so that the longer side of the codes
 * lies where the values are larger. `asym`: an integer zero. `offset`: a float offset, the exact minimum in the closed form.
 */
export type IntegerKind = 'sym' | 'signed' | 'asym' | 'offset'

export interface IntegerOptions {
  /** 2 .. 65536. */
  readonly levels: number
  readonly kind: IntegerKind
  readonly scale: Extract<ParameterType, 'f32' | 'f16' | 'bf16'>
  /** From the least to the largest value, in the closed form unless another is asked for. */
  readonly textbook?: boolean
  /** Rounds to that type. */
  readonly round: (scale: number) => number
}

/** Above this many there is no search. */
const MOST_SEARCHED = 256

export function integerCodec(
  { levels, kind, scale: scaleType, round, textbook = false }: IntegerOptions,
  fitting: IntegerFitting,
): Codec {
  if (!(Number.isInteger(levels) && levels >= 2 && levels <= 65536)) {
    throw new TersorError('E_USAGE', `expected 2 to 65536 levels, found ${levels}`)
  }
  const middle = Math.floor(levels / 2)
  const maxCode = levels - 1
  const parameters: ParameterSpec[] = [{ name: 'scales', type: scaleType, count: 1 }]
  if (kind === 'asym') parameters.push({ name: 'zeros', type: levels > 256 ? 'u16' : 'u8', count: 1 })
  if (kind === 'offset') parameters.push({ name: 'offsets', type: scaleType, count: 1 })
  const kernelled = fitting.kernel?.(levels, kind, scaleType)
  const searched = fitting.searches && levels <= MOST_SEARCHED

  function fit({ values, importance, effort: asked }: Group, target: Float32Array): void {
    const effort: Effort = searched ? asked : 'closed'
    if (kind === 'asym') {
      const grid = fitting.affine(values, importance, maxCode, effort, round)
      target[0] = grid.scale
      target[1] = grid.zero
    } else if (kind === 'offset') {
      const grid = fitting.offset(values, importance, maxCode, effort, round)
      target[0] = grid.scale
      target[1] = grid.offset
    } else if (!searched || effort === 'closed') {
      target[0] = closedScale(values, middle, maxCode - middle, kind === 'signed', round)
    } else target[0] = fitting.scale(values, importance, levels, kind === 'signed', effort, round)
    // Next to the largest f32 some level may lie beyond it; then the scale shrinks until all are finite.
    while (!isFiniteGrid(target)) target[0] = round((target[0] as number) * 0.996)
  }

  /** Least and largest level, in either order, of a scale and its zero or offset. */
  function ends(grid: Float32Array): readonly [number, number] {
    const scale = grid[0] as number
    const origin = kind === 'offset' ? (grid[1] as number) : -scale * (grid[1] ?? middle)
    return [origin, origin + scale * maxCode]
  }

  function isFiniteGrid(target: Float32Array): boolean {
    const [origin, end] = ends(target)
    return Number.isFinite(Math.fround(origin) - Math.fround(end))
  }

  return {
    levels,
    packing: 'bits',
    vector: 1,
    even: true,
    exactZero: kind !== 'offset',
    ...(kernelled && { kernel: kernelled }),
    parameters,
    shared: [],
    effort: fitting.effort?.(levels, kind, textbook) ?? 'closed',
    efforts: searched ? ['closed', 'fast', 'exact'] : ['closed'],
    encode(group, codes, target) {
      if (!group.fixed) fit(group, target)
      const scale = target[0] as number
      if (kind === 'offset') encodeOffset(group, scale, target[1] as number, maxCode, codes)
      else encodeInteger(group, scale, kind === 'asym' ? (target[1] as number) : middle, maxCode, codes)
    },
    decode(codes, source, _, values) {
      const scale = source[0] as number
      if (kind === 'offset') {
        const offset = source[1] as number
        for (let i = 0; i < values.length; i++) values[i] = offset + scale * (codes[i] as number)
      } else {
        const zero = kind === 'asym' ? (source[1] as number) : middle
        for (let i = 0; i < values.length; i++) values[i] = scale * ((codes[i] as number) - zero)
      }
    },
    errorBound(source, _, low, high) {
      const [origin, end] = ends(source)
      return Math.max(Math.abs(source[0] as number) / 2, Math.min(origin, end) - low, high - Math.max(origin, end))
    },
  }
}

/** The extreme of larger need on its last code; the other side then fits too. */
function closedScale(
  values: Float32Array,
  below: number,
  above: number,
  signed: boolean,
  round: (scale: number) => number,
): number {
  let max = 0
  let min = 0
  for (const value of values) {
    if (value > max) max = value
    if (value < min) min = value
  }
  // Of two extremes of equal magnitude the negative one counts, as in the kernels.
  const extreme = max > -min ? max : min
  return round(signed ? extreme / -below : Math.abs(extreme) / above)
}

/** code = clamp(round(fround(x * fround(1 / scale)))) + zero, as the kernels do it. */
function encodeInteger(group: Group, scale: number, zero: number, maxCode: number, codes: Uint16Array): void {
  const { values } = group
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
  const low = -zero
  const high = maxCode - zero
  if (group.rounding === 'half-even') {
    for (let i = 0; i < values.length; i++) {
      const q = roundHalfEven(Math.fround((values[i] as number) * inverse))
      codes[i] = (q < low ? low : q > high ? high : q) + zero
    }
    return
  }
  for (let i = 0; i < values.length; i++) {
    const q = roundBy(group, Math.fround((values[i] as number) * inverse), i)
    codes[i] = (q < low ? low : q > high ? high : q) + zero
  }
}

/** In doubles: the difference of two floats may not be one. */
function encodeOffset(group: Group, scale: number, offset: number, maxCode: number, codes: Uint16Array): void {
  const { values } = group
  for (let i = 0; i < values.length; i++) {
    const q = scale === 0 ? 0 : roundBy(group, ((values[i] as number) - offset) / scale, i)
    codes[i] = q < 0 ? 0 : q > maxCode ? maxCode : q
  }
}

function roundBy(group: Group, value: number, position: number): number {
  return group.rounding === 'stochastic'
    ? roundStochastic(value, group.seed, group.first + position)
    : round(value, group.rounding)
}
