import { TersorError } from '../errors.ts'
import type { Feeds, SessionInput, Value } from '../model/runtime.ts'
import { isFloat } from '../numbers/dtype.ts'
import { convertValue, floatsOf, integersOf } from './convert.ts'
import { bindShape, describeShape } from './dimensions.ts'
import { roleOf } from './input-role.ts'

/** Ranges of integer inputs, by input: token ids below the size of the table they look up. */
export type InputLimits = ReadonlyMap<string, { readonly min: number; readonly max: number }>

/** Beyond this a float is no picture, sound or feature, but another file read by mistake. */
const PLAUSIBLE = 1e9
const PLAUSIBLE_BITS = 0x4e6e6b28

/**
 * One sample as the model takes it: types converted where that loses no meaning, every shape, symbol and value checked.
 * `bindings` receives the sizes of symbols. E_FORMAT or E_NONFINITE with `label`, the input and what was expected.
 */
export function checkSample(
  label: string,
  feeds: Feeds,
  inputs: readonly SessionInput[],
  limits: InputLimits,
  bindings: Map<string, number>,
): Feeds {
  const checked: [string, Value][] = []
  for (const input of inputs) {
    const given = feeds[input.name]
    if (given === undefined) continue
    const where = `${label}: input "${input.name}"`
    const value = convertValue(given, input.dtype, where)
    checkShape(value, input, bindings, where)
    checkElements(value, input, limits, where)
    checked.push([input.name, value])
  }
  return Object.fromEntries(checked)
}

function checkShape(value: Value, { shape }: SessionInput, bindings: Map<string, number>, where: string): void {
  // A model may leave the rank open; the executor then reports a scalar.
  if (shape.length === 0 && value.shape.length > 0) return
  const known = new Map(bindings)
  const axis = bindShape(shape, value.shape, bindings)
  if (axis === undefined) return
  const size = axis < 0 ? undefined : shape[axis]
  const bound =
    typeof size === 'string' ? ` (${size} is ${known.get(size) ?? bindings.get(size) ?? 'a sum'} elsewhere)` : ''
  throw new TersorError(
    'E_FORMAT',
    `${where}: expected shape ${describeShape(shape)}${bound}, found ${describeShape(value.shape)}`,
    {
      where,
    },
  )
}

/** A loop for one type only, which is the usual one: without their signs the bits of floats are in the order of magnitudes, NaN behind all. */
function arePlausible(floats: Float32Array): boolean {
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
  let most = 0
  for (let i = 0; i < bits.length; i += 1) most = Math.max(most, bits[i]! & 0x7fffffff)
  return most <= PLAUSIBLE_BITS
}

function checkElements(value: Value, input: SessionInput, limits: InputLimits, where: string): void {
  if (!(value.data instanceof Uint8Array)) return
  if (isFloat(value.dtype)) {
    const floats = floatsOf(value)
    if (floats instanceof Float32Array && arePlausible(floats)) return
    for (let i = 0; i < floats.length; i += 1) {
      const element = floats[i]!
      if (Math.abs(element) <= PLAUSIBLE) continue
      if (Number.isFinite(element)) {
        throw new TersorError('E_FORMAT', `${where}: ${element} at element ${i} is beyond any plausible range`, {
          where,
        })
      }
      // Additive masks are minus infinity where nothing may look.
      if (element === Number.NEGATIVE_INFINITY && roleOf(input) === 'mask') continue
      throw new TersorError('E_NONFINITE', `${where}: ${element} at element ${i}`, { where })
    }
    return
  }
  const limit = limits.get(input.name)
  if (limit === undefined) return
  const integers = integersOf(value)
  for (let i = 0; i < integers.length; i += 1) {
    const element = integers[i]!
    if (element < limit.min || element > limit.max) {
      throw new TersorError(
        'E_FORMAT',
        `${where}: expected ${limit.min} to ${limit.max}, the rows of the table that it looks up, found ${element} at element ${i}`,
        { where, hint: 'do the ids come from the tokenizer of this model?' },
      )
    }
  }
}
