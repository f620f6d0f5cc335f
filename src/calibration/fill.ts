import { TersorError } from '../errors.ts'
import type { Feeds, SessionInput, Value } from '../model/runtime.ts'
import { elementCountOf, isFloat } from '../numbers/dtype.ts'
import { packFloats, packIntegers } from './convert.ts'
import { type Bindings, sizeOf, symbolsOf } from './dimensions.ts'
import { roleOf } from './input-role.ts'

/** Samples a second where the model asks and the data do not say: what speech models are trained on. */
export const DEFAULT_RATE = 16_000

interface Rule {
  readonly says: string
  /** The element at a place along the last axis. */
  at(index: number): number
}

/** What an input gets when the data give nothing for it; undefined when no rule is safe. */
export function fillRule(input: SessionInput, given: Feeds): Rule | undefined {
  switch (roleOf(input)) {
    case 'mask':
      return { says: 'ones', at: () => 1 }
    case 'token-types':
    case 'state':
    case 'keep':
      return { says: 'zeros', at: () => 0 }
    case 'flag':
      return { says: 'false', at: () => 0 }
    case 'positions':
      return { says: '0, 1, 2 ...', at: (index) => index }
    case 'rate':
      return { says: String(DEFAULT_RATE), at: () => DEFAULT_RATE }
    case 'lengths': {
      const length = Object.values(given).find(({ shape }) => shape.length >= 2)?.shape[1]
      return length === undefined ? undefined : { says: 'the full length', at: () => length }
    }
    default:
      return undefined
  }
}

export interface Filled {
  readonly feeds: Feeds
  /** `name: rule` for each filled input. */
  readonly filled: readonly string[]
}

/** Completes the feeds of one sample by rule. E_FORMAT when an input has neither values nor a rule. */
export function fillInputs(label: string, given: Feeds, inputs: readonly SessionInput[], bindings: Bindings): Filled {
  const feeds: [string, Value][] = []
  const filled: string[] = []
  for (const input of inputs) {
    const value = given[input.name]
    if (value !== undefined) {
      feeds.push([input.name, value])
      continue
    }
    const rule = fillRule(input, given)
    if (rule === undefined) {
      throw new TersorError('E_FORMAT', `${label}: no values for input "${input.name}", and no rule to fill it`, {
        where: label,
        hint: `give an array named "${input.name}"`,
      })
    }
    const shape = input.shape.map((size, axis) => fillSize(size, axis, input, given, bindings))
    feeds.push([input.name, filledValue(input, shape, rule)])
    filled.push(`${input.name}: ${rule.says}`)
  }
  return { feeds: Object.fromEntries(feeds), filled }
}

/** A constant or counting tensor of this shape. */
export function filledValue({ dtype }: SessionInput, shape: readonly number[], rule: Rule): Value {
  const count = elementCountOf(shape)
  const last = shape.at(-1) ?? 1
  const elements = Float64Array.from({ length: count }, (_, i) => rule.at(i % Math.max(last, 1)))
  return { dtype, shape, data: isFloat(dtype) ? packFloats(elements, dtype) : packIntegers(elements, dtype) }
}

/** Known symbols first; a past that nobody gave is empty; an unnamed axis follows a given input of the same rank; else 1. */
function fillSize(
  size: SessionInput['shape'][number],
  axis: number,
  input: SessionInput,
  given: Feeds,
  bindings: Bindings,
): number {
  const known = sizeOf(size, withEmptyPast(size, bindings))
  if (known !== undefined) return known
  if (roleOf(input) === 'state') return 1
  return Object.values(given).find(({ shape }) => shape.length === input.shape.length)?.shape[axis] ?? 1
}

function withEmptyPast(size: SessionInput['shape'][number], bindings: Bindings): Bindings {
  const past = symbolsOf(size).filter((symbol) => /past/i.test(symbol) && !bindings.has(symbol))
  return past.length === 0 ? bindings : new Map([...bindings, ...past.map((symbol) => [symbol, 0] as const)])
}
