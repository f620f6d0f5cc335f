import { bestWithin, type RateCurve, type RatePoint, rateCurve } from '../../allocation/rate-distortion.ts'
import { TersorError } from '../../errors.ts'
import {
  type ArrayOptions,
  arrayScheme,
  decodeArray,
  encodeArray,
  exampleIds,
  FAMILIES,
} from '../../schemes/arrays/index.ts'
import { byteLengthOf } from './quantized-bytes.ts'

export interface ChooseOptions extends Pick<ArrayOptions, 'shape' | 'effort' | 'importance'> {
  /** Most bits a value may take, parameters included. */
  readonly bits: number
  /** Ids to choose from; default one or more of every family at the usual block sizes. */
  readonly schemes?: readonly string[]
  /** Called after every scheme. */
  readonly notify?: (done: number, total: number, id: string) => void
}

export interface SchemeChoice {
  /** Id of the scheme of least squared error within the budget. */
  readonly scheme: string
  readonly point: RatePoint
  /** Rate in bits a value, distortion as relative squared error (weighted by the importance, when given). */
  readonly curve: RateCurve
}

/**
 * The scheme that writes these values best within a budget of bits, with the whole curve of rate and distortion: every scheme is
 * tried on all values. Throws E_USAGE for a budget that no scheme meets.
 */
export function chooseScheme(values: ArrayLike<number>, options: ChooseOptions): SchemeChoice {
  const work = choosing(values, options)
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    options.notify?.(value.done, value.total, value.id)
  }
}

/** `chooseScheme` step by step, a pause after every scheme. */
export function* choosing(
  values: ArrayLike<number>,
  { bits, schemes, importance, shape, effort }: ChooseOptions,
): Generator<{ done: number; total: number; id: string }, SchemeChoice, void> {
  if (!(bits > 0 && Number.isFinite(bits))) throw new TersorError('E_USAGE', `expected a budget of bits, found ${bits}`)
  if (values.length === 0) throw new TersorError('E_USAGE', 'expected values to choose a scheme for, found none')
  const floats = values instanceof Float32Array ? values : Float32Array.from(values)
  const tried = (schemes ?? candidateIds()).map(arrayScheme)
  // Of the schemes that nobody asked for, those that have no meaning here are left out.
  const fitting = tried.filter(
    ({ grouping }) => schemes !== undefined || grouping.kind !== 'channel' || grouping.axis < (shape?.length ?? 1),
  )
  if (fitting.length === 0) throw new TersorError('E_USAGE', 'expected schemes to choose from, found none')
  const rest = {
    ...(importance ? { importance } : {}),
    ...(shape ? { shape } : {}),
    ...(effort === undefined ? {} : { effort }),
  }
  const points: RatePoint[] = []
  for (const [done, scheme] of fitting.entries()) {
    const quantized = encodeArray(floats, scheme, rest)
    const rate = (8 * byteLengthOf(quantized)) / floats.length
    points.push({
      id: scheme.id,
      rate,
      distortion: distortionOf(floats, decodeArray(quantized, scheme), importance),
    })
    yield { done: done + 1, total: fitting.length, id: scheme.id }
  }
  const curve = rateCurve(points)
  const point = bestWithin(curve, bits)
  if (point === undefined) {
    const least = curve.points[0] as RatePoint
    throw new TersorError(
      'E_USAGE',
      `no scheme takes at most ${bits} bits a value here; ${least.id} takes ${least.rate.toFixed(3)}`,
    )
  }
  return { scheme: point.id, point, curve }
}

/** Sizes at which the examples of the families leave gaps. */
const BETWEEN = [
  'int2-block32-signed-f16',
  'int2-block64-offset-f16',
  'int3-block32-asym-f16',
  'int3-block64-signed-f16',
  'int4-block64-asym-f16',
  'int5-block32-asym-f16',
  'int6-block32-f16',
  'int6-block128-f16',
  'int7-row',
]

/** Examples of all families and what lies between them, but for the largest vectors, which take minutes to fit. */
export function candidateIds(): string[] {
  return [...exampleIds(FAMILIES), ...BETWEEN].filter((id) => id !== 'product4x12')
}

function distortionOf(values: Float32Array, decoded: Float32Array, importance: ArrayLike<number> | undefined): number {
  let error = 0
  let energy = 0
  const weights = importance?.length ?? 1
  for (let i = 0; i < values.length; i++) {
    const weight = importance ? (importance[i % weights] as number) : 1
    const x = values[i] as number
    error += weight * (x - (decoded[i] as number)) ** 2
    energy += weight * x * x
  }
  return energy === 0 ? error : error / energy
}
