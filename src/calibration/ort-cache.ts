import * as v from 'valibot'
import { TersorError } from '../errors.ts'
import type { ValueRange } from '../model/observer.ts'
import type { Statistics } from '../model/statistics.ts'
import { type Calibrator, rangeBy } from './ranges/index.ts'

/**
 * The calibration cache of onnxruntime's Python tools, as JSON: lowest and highest value of every tensor, which
 * `onnxruntime.quantization.calibrate.load_tensors_data` reads (1.30) and `write_calibration_table` writes as calibration.json.
 * Values that saw nothing are left out.
 */
export function writeOrtCache(statistics: Statistics, calibrator: Calibrator = 'minmax'): string {
  const data: [string, unknown][] = []
  for (const [name, value] of statistics.values) {
    if (value.count === 0) continue
    const { min, max } = rangeBy(calibrator, value, { type: 'u8', symmetric: false })
    data.push([name, { lowest: single(min), highest: single(max), CLS: 'TensorData' }])
  }
  const cache = {
    CLS: 'TensorsData',
    data: Object.fromEntries(data),
    // Its tools know four names; what they do with a pair of numbers is the same for all.
    calibration_method: { CLS: 'CalibrationMethod', value: 'CalibrationMethod.MinMax' },
    smooth_quant: false,
  }
  return `${JSON.stringify(cache)}\n`
}

const NumberSchema = v.pipe(v.number(), v.finite())
const ScalarSchema = v.union([
  NumberSchema,
  v.pipe(
    v.object({
      data: v.union([NumberSchema, v.pipe(v.array(NumberSchema), v.length(1))]),
      CLS: v.literal('numpy.array'),
    }),
    v.transform(({ data }) => (Array.isArray(data) ? data[0]! : data)),
  ),
])
const CacheSchema = v.object({
  CLS: v.literal('TensorsData'),
  data: v.record(v.string(), v.object({ lowest: ScalarSchema, highest: ScalarSchema, CLS: v.literal('TensorData') })),
})

/** Ranges of tensors in such a file. E_FORMAT for anything else, and for ranges of channels. */
export function readOrtCache(text: string, label = 'calibration cache'): ReadonlyMap<string, ValueRange> {
  const wrong = (what: string, cause?: unknown) =>
    new TersorError('E_FORMAT', `${label}: expected a calibration cache of onnxruntime, found ${what}`, {
      where: label,
      cause,
    })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw wrong('no JSON', cause)
  }
  const parsed = v.safeParse(CacheSchema, json, { abortEarly: true })
  if (!parsed.success) {
    const [issue] = parsed.issues
    throw wrong(`${v.getDotPath(issue) ?? 'its JSON'}: ${issue.message}`)
  }
  const ranges = new Map<string, ValueRange>()
  for (const [name, { lowest, highest }] of Object.entries(parsed.output.data)) {
    if (lowest > highest) throw wrong(`a range of "${name}" from ${lowest} to ${highest}`)
    ranges.set(name, { min: lowest, max: highest })
  }
  return ranges
}

function single(value: number) {
  return { data: Math.fround(value), dtype: 'float32', CLS: 'numpy.array' }
}
