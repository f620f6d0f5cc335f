import { TersorError } from '../../errors.ts'
import type { Tape } from '../tape.ts'
import type { Operation, Plain, Tensor, Value } from '../types.ts'

/** Computes an operation and tells the tape how to go back. */
export type Operator = (
  tape: Tape,
  inputs: readonly (Value | null)[],
  operation: Operation,
) => readonly (Value | undefined)[]

export function floatAt(inputs: readonly (Value | null)[], at: number, { op }: Operation): Tensor {
  const value = inputs[at]
  if (value?.kind !== 'float') {
    throw new TersorError(
      'E_UNSUPPORTED',
      `gradients: ${op}: floats were expected as input ${at}, found ${value ? 'integers' : 'nothing'}`,
    )
  }
  return value
}

export function valueAt(inputs: readonly (Value | null)[], at: number, { op }: Operation): Value {
  const value = inputs[at]
  if (!value) throw new TersorError('E_FORMAT', `gradients: ${op}: input ${at} is missing`)
  return value
}

/** Integers of an input, as numbers; null where it is left out. */
export function integersAt(inputs: readonly (Value | null)[], at: number, { op }: Operation): readonly number[] | null {
  const value = inputs[at]
  if (!value) return null
  if (value.kind !== 'plain') {
    throw new TersorError('E_UNSUPPORTED', `gradients: ${op}: integers were expected as input ${at}, found floats`)
  }
  return Array.from(value.data)
}

export function numberOf({ attributes }: Operation, name: string, fallback: number): number {
  const value = attributes.get(name)
  return typeof value === 'number' ? value : fallback
}

export function textOf({ attributes }: Operation, name: string, fallback: string): string {
  const value = attributes.get(name)
  return typeof value === 'string' ? value : fallback
}

/** A list of integers from an attribute, or in later opsets from an input. */
export function listOf(
  inputs: readonly (Value | null)[],
  at: number,
  name: string,
  operation: Operation,
): readonly number[] | null {
  const value = operation.attributes.get(name)
  if (Array.isArray(value)) return value as readonly number[]
  return integersAt(inputs, at, operation)
}

/** An axis counted from the front. E_FORMAT outside. */
export function axisOf(axis: number, rank: number, { op }: Operation): number {
  const own = axis < 0 ? axis + rank : axis
  if (!(own >= 0 && own < Math.max(rank, 1)))
    throw new TersorError('E_FORMAT', `gradients: ${op}: axis ${axis} of a tensor of rank ${rank}`)
  return own
}

export function isFloat(value: Value | null | undefined): value is Tensor {
  return value?.kind === 'float'
}

export function isPlain(value: Value | null | undefined): value is Plain {
  return value?.kind === 'plain'
}
