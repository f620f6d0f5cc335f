import { TersorError } from '../../errors.ts'
import type { DType } from '../../model/dtype.ts'
import type { Value } from '../../model/runtime.ts'
import { decodeBf16 } from '../../numbers/bf16.ts'
import { decodeF16 } from '../../numbers/f16.ts'

/** Types whose values are floats or small enough integers to be seen as floats. */
const READERS: Readonly<Partial<Record<DType, (bytes: ArrayBuffer) => ArrayLike<number>>>> = {
  f32: (bytes) => new Float32Array(bytes),
  f64: (bytes) => new Float64Array(bytes),
  f16: (bytes) => Float32Array.from(new Uint16Array(bytes), decodeF16),
  bf16: (bytes) => Float32Array.from(new Uint16Array(bytes), decodeBf16),
  u8: (bytes) => new Uint8Array(bytes),
  i8: (bytes) => new Int8Array(bytes),
  u16: (bytes) => new Uint16Array(bytes),
  i16: (bytes) => new Int16Array(bytes),
}

/** Integers (labels, token ids, masks) are data to keep, not to round. */
export function isQuantizable(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f64' || dtype === 'f16' || dtype === 'bf16'
}

/** Least rows that a search is measured on. */
const TABLE_ROWS = 10

/** Rows that can be searched. */
export function isTable({ shape, dtype }: Value): boolean {
  return shape.length === 2 && (shape[0] as number) >= TABLE_ROWS && (shape[1] as number) > 0 && isQuantizable(dtype)
}

/**
 * Values as f32. Throws E_UNSUPPORTED for types that are not numbers of at most f64, E_NONFINITE with name and place for what is not
 * finite in f32.
 */
export function floatsOf({ dtype, data, shape }: Value, name: string): Float32Array {
  const read = READERS[dtype]
  if (read === undefined || !(data instanceof Uint8Array)) {
    throw new TersorError('E_UNSUPPORTED', `${name}: expected floats, found ${dtype}`, { where: name })
  }
  const values = read(new Uint8Array(data).buffer)
  const floats = values instanceof Float32Array ? values : Float32Array.from(values)
  const bad = floats.findIndex((x) => !Number.isFinite(x))
  if (bad < 0) return floats
  const place = `${name}[${placeOf(bad, shape).join(', ')}]`
  const found = values[bad] as number
  throw new TersorError(
    'E_NONFINITE',
    `${place} is ${found}${Number.isFinite(found) ? ', which f32 does not hold' : '; expected finite numbers'}`,
    {
      where: place,
      hint: Number.isFinite(found) ? 'scale the array first' : 'replace it first, for example by numpy.nan_to_num',
    },
  )
}

function placeOf(index: number, shape: readonly number[]): number[] {
  const place: number[] = []
  let rest = index
  for (const size of [...shape].reverse()) {
    place.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return place
}

export interface ArrayError {
  /** Root of the sum of squared errors over that of squared values; 0 when both are 0. */
  readonly relativeRms: number
  readonly sqnrDb: number
  readonly maxAbs: number
}

export function errorOf(values: Float32Array, decoded: Float32Array): ArrayError {
  let error = 0
  let energy = 0
  let maxAbs = 0
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as number
    const difference = x - (decoded[i] as number)
    error += difference * difference
    energy += x * x
    if (Math.abs(difference) > maxAbs) maxAbs = Math.abs(difference)
  }
  if (error === 0) return { relativeRms: 0, sqnrDb: Number.POSITIVE_INFINITY, maxAbs }
  return { relativeRms: Math.sqrt(error / energy), sqnrDb: 10 * Math.log10(energy / error), maxAbs }
}
