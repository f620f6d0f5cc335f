import { TersorError } from '../../errors.ts'
import { copyPlain, copyStrided, countOf, spreadShape, spreadStrides, stridesOf } from '../loops.ts'
import { plain, type Tape } from '../tape.ts'
import type { Operation, Tensor, Value } from '../types.ts'
import { asPlain, asTensor } from './binary.ts'
import { axisOf, integersAt, isPlain, listOf, numberOf, type Operator, valueAt } from './operator.ts'

/** Elements of `from` at an offset and strides of their own, to places of a result that is otherwise a whole. */
interface Move {
  readonly from: Value
  readonly offset: number
  readonly strides: readonly number[]
  readonly shape: readonly number[]
  readonly to: number
  readonly toStrides: readonly number[]
}

/** A value of `shape` put together from moves; gradients go the same ways back. */
export function moved(tape: Tape, shape: readonly number[], moves: readonly Move[]): Value {
  const whole = moves.filter((move): move is Move & { from: { kind: 'plain' } } => isPlain(move.from))
  if (whole.length === moves.length) {
    const data = new Float64Array(countOf(shape))
    for (const { from, offset, strides, shape: run, to, toStrides } of whole) {
      copyPlain(from.data, offset, strides, data, to, toStrides, run)
    }
    return plain(shape, data)
  }
  const own = moves.map((move) => ({ ...move, from: asTensor(tape, move.from) }))
  const out = tape.blank(
    shape,
    own.some(({ from }) => from.tracked),
  )
  const f = tape.machine.floats
  for (const { from, offset, strides, shape: run, to, toStrides } of own) {
    copyStrided(f, from.at + offset, strides, f, out.at + to, toStrides, run, false)
  }
  tape.later(out, () => {
    const g = tape.grad(out)
    for (const { from, offset, strides, shape: run, to, toStrides } of own) {
      if (!from.tracked) continue
      const at = tape.grad(from)
      const now = tape.machine.floats
      copyStrided(now, g + to, toStrides, now, at + offset, strides, run, true)
    }
  })
  return out
}

function view(tape: Tape, from: Value, offset: number, strides: readonly number[], shape: readonly number[]): Value {
  return moved(tape, shape, [{ from, offset, strides, shape, to: 0, toStrides: stridesOf(shape) }])
}

export function permuted(tape: Tape, x: Tensor, axes: readonly number[]): Tensor {
  return transposed(tape, x, axes) as Tensor
}

function transposed(tape: Tape, x: Value, axes: readonly number[]): Value {
  const strides = stridesOf(x.shape)
  const pick = (from: readonly number[]): number[] => axes.map((axis) => from[axis] as number)
  return view(tape, x, 0, pick(strides), pick(x.shape))
}

export function spread(tape: Tape, x: Value, shape: readonly number[]): Value {
  return view(tape, x, 0, spreadStrides(x.shape, shape), shape)
}

function reshaped(tape: Tape, x: Value, shape: readonly number[]): Value {
  return isPlain(x) ? plain(shape, x.data) : tape.reshaped(x, shape)
}

const transpose: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const axes = listOf([], 1, 'perm', operation) ?? x.shape.map((_, axis) => x.shape.length - 1 - axis)
  return [transposed(tape, x, axes)]
}

const reshape: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const asked = listOf(inputs, 1, 'shape', operation) ?? []
  const zeros = numberOf(operation, 'allowzero', 0) === 1
  const shape = asked.map((size, axis) => (size === 0 && !zeros ? (x.shape[axis] ?? 0) : size))
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1)
  const count = countOf(x.shape)
  return [
    reshaped(
      tape,
      x,
      shape.map((size) => (size === -1 ? count / known : size)),
    ),
  ]
}

const squeeze: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const axes = listOf(inputs, 1, 'axes', operation)?.map((axis) => axisOf(axis, x.shape.length, operation))
  const gone = (size: number, axis: number): boolean => (axes ? axes.includes(axis) : size === 1)
  return [
    reshaped(
      tape,
      x,
      x.shape.filter((size, axis) => !gone(size, axis)),
    ),
  ]
}

const unsqueeze: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const asked = listOf(inputs, 1, 'axes', operation) ?? []
  const rank = x.shape.length + asked.length
  const axes = new Set(asked.map((axis) => axisOf(axis, rank, operation)))
  const left = [...x.shape]
  const shape = Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (left.shift() as number)))
  return [reshaped(tape, x, shape)]
}

const flatten: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const axis = numberOf(operation, 'axis', 1)
  const own = axis < 0 ? axis + x.shape.length : axis
  return [reshaped(tape, x, [countOf(x.shape.slice(0, own)), countOf(x.shape.slice(own))])]
}

const expand: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  return [spread(tape, x, spreadShape(x.shape, integersAt(inputs, 1, operation) ?? []))]
}

const tile: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const repeats = integersAt(inputs, 1, operation) ?? []
  const strides = stridesOf(x.shape)
  const wide = x.shape.flatMap((size, axis) => [repeats[axis] ?? 1, size])
  const result = view(
    tape,
    x,
    0,
    strides.flatMap((stride) => [0, stride]),
    wide,
  )
  return [
    reshaped(
      tape,
      result,
      x.shape.map((size, axis) => size * (repeats[axis] ?? 1)),
    ),
  ]
}

const concat: Operator = (tape, inputs, operation) => {
  const parts = inputs.filter((value) => value !== null)
  const first = valueAt(inputs, 0, operation)
  const axis = axisOf(numberOf(operation, 'axis', 0), first.shape.length, operation)
  const shape = [...first.shape]
  shape[axis] = parts.reduce((sum, part) => sum + (part.shape[axis] as number), 0)
  const toStrides = stridesOf(shape)
  let to = 0
  const moves = parts.map((from): Move => {
    const move = { from, offset: 0, strides: stridesOf(from.shape), shape: from.shape, to, toStrides }
    to += (from.shape[axis] as number) * (toStrides[axis] as number)
    return move
  })
  return [moved(tape, shape, moves)]
}

const split: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const axis = axisOf(numberOf(operation, 'axis', 0), x.shape.length, operation)
  const size = x.shape[axis] as number
  const parts = operation.outputs.length
  const even = Math.ceil(size / parts)
  const sizes =
    listOf(inputs, 1, 'split', operation) ??
    Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(even, size - i * even)))
  const strides = stridesOf(x.shape)
  let start = 0
  return sizes.map((own) => {
    const shape = x.shape.with(axis, own)
    const part = view(tape, x, start * (strides[axis] as number), strides, shape)
    start += own
    return part
  })
}

const slice: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const starts = listOf(inputs, 1, 'starts', operation) ?? []
  const ends = listOf(inputs, 2, 'ends', operation) ?? []
  const axes = listOf(inputs, 3, 'axes', operation) ?? starts.map((_, axis) => axis)
  const steps = integersAt(inputs, 4, operation) ?? starts.map(() => 1)
  const strides = stridesOf(x.shape)
  const shape = [...x.shape]
  let offset = 0
  for (const [i, asked] of axes.entries()) {
    const axis = axisOf(asked, x.shape.length, operation)
    const size = x.shape[axis] as number
    const step = steps[i] ?? 1
    const within = (place: number, low: number, high: number): number =>
      Math.min(high, Math.max(low, place < 0 ? place + size : place))
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1]
    const start = within(starts[i] as number, step > 0 ? 0 : 0, high)
    const end = (ends[i] as number) < -size ? low : within(ends[i] as number, low, high)
    offset += start * (strides[axis] as number)
    shape[axis] = Math.max(0, Math.ceil((end - start) / step))
    strides[axis] = (strides[axis] as number) * step
  }
  return [view(tape, x, offset, strides, shape)]
}

const gather: Operator = (tape, inputs, operation) => {
  const x = valueAt(inputs, 0, operation)
  const indices = asPlain(tape, valueAt(inputs, 1, operation))
  const axis = axisOf(numberOf(operation, 'axis', 0), x.shape.length, operation)
  const size = x.shape[axis] as number
  const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)]
  const strides = stridesOf(x.shape)
  const own = strides[axis] as number
  const shape = [...before, indices.data.length, ...after]
  const toStrides = stridesOf(shape)
  const lean = (all: readonly number[]): number[] => all.filter((_, at) => at !== axis)
  const run = [...before, ...after]
  const moves = Array.from(indices.data, (index, i): Move => {
    const place = index < 0 ? index + size : index
    if (!(place >= 0 && place < size)) {
      throw new TersorError('E_FORMAT', `gradients: Gather: an index below ${size} was expected, found ${index}`)
    }
    return {
      from: x,
      offset: place * own,
      strides: lean(strides),
      shape: run,
      to: i * (toStrides[axis] as number),
      toStrides: lean(toStrides),
    }
  })
  const whole = [...before, ...indices.shape, ...after]
  if (moves.length > 0) return [reshaped(tape, moved(tape, shape, moves), whole)]
  return [isPlain(x) ? plain(whole, []) : tape.blank(whole, false)]
}

const where: Operator = (tape, inputs, operation) => {
  const condition = asPlain(tape, valueAt(inputs, 0, operation))
  const [a, b] = [valueAt(inputs, 1, operation), valueAt(inputs, 2, operation)]
  const shape = spreadShape(condition.shape, a.shape, b.shape)
  const chosen = (spread(tape, condition, shape) as typeof condition).data
  if (isPlain(a) && isPlain(b)) {
    const [first, second] = [spread(tape, a, shape), spread(tape, b, shape)] as (typeof a)[]
    return [
      plain(
        shape,
        chosen.map((yes, i) => (yes !== 0 ? first?.data[i] : second?.data[i]) as number),
      ),
    ]
  }
  const first = spread(tape, asTensor(tape, a), shape) as Tensor
  const second = spread(tape, asTensor(tape, b), shape) as Tensor
  const out = tape.blank(shape, first.tracked || second.tracked)
  const f = tape.machine.floats
  for (let i = 0; i < out.count; i++) f[out.at + i] = f[(chosen[i] !== 0 ? first.at : second.at) + i]!
  tape.later(out, () => {
    const g = tape.grad(out)
    for (const [yes, branch] of [
      [true, first],
      [false, second],
    ] as const) {
      if (!branch.tracked) continue
      const to = tape.grad(branch)
      const now = tape.machine.floats
      for (let i = 0; i < out.count; i++) if ((chosen[i] !== 0) === yes) now[to + i]! += now[g + i]!
    }
  })
  return [out]
}

const identity: Operator = (_tape, inputs, operation: Operation) => [valueAt(inputs, 0, operation)]

export const MOVES: readonly (readonly [string, Operator])[] = [
  ['Transpose', transpose],
  ['Reshape', reshape],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
  ['Flatten', flatten],
  ['Expand', expand],
  ['Tile', tile],
  ['Concat', concat],
  ['Split', split],
  ['Slice', slice],
  ['Gather', gather],
  ['Where', where],
  ['Identity', identity],
  ['Dropout', identity],
]
