import { TersorError } from '../../errors.ts'
import type { Tape } from '../tape.ts'
import type { Operation, Tensor } from '../types.ts'
import { floatAt, listOf, numberOf, type Operator } from './operator.ts'
import { type Places, placesOf } from './places.ts'
import { summed } from './reductions.ts'

const globalAverage: Operator = (tape, inputs, operation) => {
  const x = floatAt(inputs, 0, operation)
  const kept = x.shape.map((size, axis) => (axis < 2 ? size : 1))
  const elements = x.shape.slice(2).reduce((a, b) => a * b, 1)
  return [summed(tape, x, kept, kept, false, 1 / Math.max(1, elements))]
}

interface Pooled {
  readonly x: Tensor
  readonly out: Tensor
  readonly places: Places
  /** Channels of all samples. */
  readonly channels: number
}

function pooled(tape: Tape, x: Tensor, operation: Operation): Pooled {
  const [samples = 1, channels = 1, ...sizes] = x.shape
  const kernel = listOf([], 1, 'kernel_shape', operation)
  if (kernel === null || kernel.length !== sizes.length) {
    throw new TersorError('E_FORMAT', `gradients: ${operation.op}: no kernel that fits an input [${x.shape}]`)
  }
  const places = placesOf(sizes, kernel, operation)
  const out = tape.blank([samples, channels, ...places.outputs], x.tracked)
  return { x, out, places, channels: samples * channels }
}

/** The gradient goes to the first largest element of a window. */
const largest: Operator = (tape, inputs, operation) => {
  if (operation.outputs.length > 1 && operation.outputs[1] !== '')
    throw new TersorError('E_UNSUPPORTED', 'gradients: MaxPool: places of the largest are not known')
  const { x, out, places, channels } = pooled(tape, floatAt(inputs, 0, operation), operation)
  const { plane, count, points, sources } = places
  const f = tape.machine.floats
  const best = new Int32Array(channels * points).fill(-1)
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < count * points; i++) {
      const at = sources[i]!
      const to = c * points + (i % points)
      const before = best[to]!
      if (at >= 0 && (before < 0 || f[x.at + c * plane + at]! > f[x.at + before]!)) best[to] = c * plane + at
    }
  }
  for (let i = 0; i < best.length; i++) f[out.at + i] = best[i]! < 0 ? 0 : f[x.at + best[i]!]!
  tape.later(out, () => {
    const [g, to] = [tape.grad(out), tape.grad(x)]
    const now = tape.machine.floats
    for (let i = 0; i < best.length; i++) if (best[i]! >= 0) now[to + best[i]!]! += now[g + i]!
  })
  return [out]
}

const average: Operator = (tape, inputs, operation) => {
  const { x, out, places, channels } = pooled(tape, floatAt(inputs, 0, operation), operation)
  const { plane, count, points, sources } = places
  const all = numberOf(operation, 'count_include_pad', 0) === 1
  const met = new Float64Array(points)
  for (let i = 0; i < count * points; i++) if (all || sources[i]! >= 0) met[i % points]! += 1
  const f = tape.machine.floats
  f.fill(0, out.at, out.at + out.count)
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < count * points; i++) {
      const at = sources[i]!
      if (at >= 0) f[out.at + c * points + (i % points)]! += f[x.at + c * plane + at]! / met[i % points]!
    }
  }
  tape.later(out, () => {
    const [g, to] = [tape.grad(out), tape.grad(x)]
    const now = tape.machine.floats
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < count * points; i++) {
        const at = sources[i]!
        if (at >= 0) now[to + c * plane + at]! += now[g + c * points + (i % points)]! / met[i % points]!
      }
    }
  })
  return [out]
}

export const POOLS: readonly (readonly [string, Operator])[] = [
  ['GlobalAveragePool', globalAverage],
  ['MaxPool', largest],
  ['AveragePool', average],
]
