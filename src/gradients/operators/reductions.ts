import { TersorError } from '../../errors.ts'
import { countOf, spreadStrides, stridesOf, visit, walkOf } from '../loops.ts'
import { plain, type Tape } from '../tape.ts'
import type { Operation, Plain, Tensor, Value } from '../types.ts'
import { axisOf, isPlain, listOf, numberOf, type Operator, valueAt } from './operator.ts'

interface Reduced {
  readonly axes: readonly number[]
  /** With sizes of 1. */
  readonly kept: readonly number[]
  readonly shape: readonly number[]
}

function reducedOf(inputs: readonly (Value | null)[], x: Value, operation: Operation): Reduced | null {
  const asked = listOf(inputs, 1, 'axes', operation)
  const none = asked === null || asked.length === 0
  if (none && numberOf(operation, 'noop_with_empty_axes', 0) === 1) return null
  const rank = x.shape.length
  const axes = none ? x.shape.map((_, axis) => axis) : asked.map((axis) => axisOf(axis, rank, operation))
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
  const keeps = numberOf(operation, 'keepdims', 1) === 1
  return { axes, kept, shape: keeps ? kept : x.shape.filter((_, axis) => !axes.includes(axis)) }
}

/** `factor` times the sums of x, or of its squares. */
export function summed(
  tape: Tape,
  x: Tensor,
  kept: readonly number[],
  shape: readonly number[],
  squares: boolean,
  factor: number,
): Tensor {
  const out = tape.blank(shape, x.tracked)
  const walk = walkOf(x.shape, [stridesOf(x.shape), spreadStrides(kept, x.shape)])
  const [sx = 0, so = 0] = walk.steps
  const { inner } = walk
  const f = tape.machine.floats
  f.fill(0, out.at, out.at + out.count)
  visit(walk, [x.at, out.at], (px, po) => {
    if (so === 0) {
      let sum = 0
      if (squares) for (let i = 0; i < inner; i++) sum += f[px + i * sx]! * f[px + i * sx]!
      else for (let i = 0; i < inner; i++) sum += f[px + i * sx]!
      f[po]! += sum * factor
    } else {
      for (let i = 0; i < inner; i++) {
        const value = f[px + i * sx]!
        f[po + i * so]! += (squares ? value * value : value) * factor
      }
    }
  })
  tape.later(out, () => {
    const [g, to] = [tape.grad(out), tape.grad(x)]
    const now = tape.machine.floats
    visit(walk, [x.at, g], (px, pg) => {
      const at = to + px - x.at
      for (let i = 0; i < inner; i++) {
        const slope = now[pg + i * so]! * factor
        now[at + i * sx]! += squares ? 2 * slope * now[px + i * sx]! : slope
      }
    })
  })
  return out
}

function sums(squares: boolean, mean: boolean): Operator {
  return (tape, inputs, operation) => {
    const x = valueAt(inputs, 0, operation)
    const reduced = reducedOf(inputs, x, operation)
    if (reduced === null) return [x]
    if (isPlain(x)) return [reducedPlain(x, reduced, 0, (a, b) => a + (squares ? b * b : b))]
    const factor = mean ? countOf(reduced.kept) / Math.max(1, x.count) : 1
    return [summed(tape, x, reduced.kept, reduced.shape, squares, factor)]
  }
}

function reducedPlain(x: Plain, { kept, shape }: Reduced, start: number, of: (a: number, b: number) => number): Plain {
  const data = new Float64Array(countOf(shape)).fill(start)
  const walk = walkOf(x.shape, [stridesOf(x.shape), spreadStrides(kept, x.shape)])
  const [sx = 0, so = 0] = walk.steps
  visit(walk, [0, 0], (px, po) => {
    for (let i = 0; i < walk.inner; i++) data[po + i * so] = of(data[po + i * so]!, x.data[px + i * sx]!)
  })
  return plain(shape, data)
}

/** The gradient of the largest (or smallest) goes to the first element that has it. */
function extremes(sign: 1 | -1): Operator {
  return (tape, inputs, operation) => {
    const x = valueAt(inputs, 0, operation)
    const reduced = reducedOf(inputs, x, operation)
    if (reduced === null) return [x]
    if (isPlain(x)) return [reducedPlain(x, reduced, -sign * Infinity, (a, b) => (sign * b > sign * a ? b : a))]
    const out = tape.blank(reduced.shape, x.tracked)
    const places = new Float64Array(out.count).fill(-1)
    const walk = walkOf(x.shape, [stridesOf(x.shape), spreadStrides(reduced.kept, x.shape)])
    const [sx = 0, so = 0] = walk.steps
    const f = tape.machine.floats
    visit(walk, [0, 0], (px, po) => {
      for (let i = 0; i < walk.inner; i++) {
        const [at, to] = [px + i * sx, po + i * so]
        const best = places[to]!
        if (best < 0 || sign * f[x.at + at]! > sign * f[x.at + best]!) places[to] = at
      }
    })
    for (let i = 0; i < out.count; i++) f[out.at + i] = f[x.at + places[i]!]!
    tape.later(out, () => {
      const [g, to] = [tape.grad(out), tape.grad(x)]
      const now = tape.machine.floats
      for (let i = 0; i < out.count; i++) now[to + places[i]!]! += now[g + i]!
    })
    return [out]
  }
}

const norm: Operator = (tape, inputs, operation) => {
  const [squares] = sums(true, false)(tape, inputs, operation) as [Tensor]
  const out = tape.blank(squares.shape, squares.tracked)
  const f = tape.machine.floats
  for (let i = 0; i < out.count; i++) f[out.at + i] = Math.sqrt(f[squares.at + i]!)
  tape.later(out, () => {
    const [g, to] = [tape.grad(out), tape.grad(squares)]
    const now = tape.machine.floats
    for (let i = 0; i < out.count; i++) {
      const value = now[out.at + i]!
      now[to + i]! += value === 0 ? 0 : (0.5 * now[g + i]!) / value
    }
  })
  return [out]
}

const product: Operator = (_tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const reduced = reducedOf(inputs, x, operation)
  if (reduced === null) return [x]
  if (isPlain(x)) return [reducedPlain(x, reduced, 1, (a, b) => a * b)]
  throw new TersorError('E_UNSUPPORTED', 'gradients: ReduceProd of floats is not known')
}

export const REDUCTIONS: readonly (readonly [string, Operator])[] = [
  ['ReduceSum', sums(false, false)],
  ['ReduceMean', sums(false, true)],
  ['ReduceSumSquare', sums(true, false)],
  ['ReduceL2', norm],
  ['ReduceMax', extremes(1)],
  ['ReduceMin', extremes(-1)],
  ['ReduceProd', product],
]
