import { exponential, logarithm } from '../elementary.ts'
import { countOf } from '../loops.ts'
import type { Tape } from '../tape.ts'
import type { Tensor, Value } from '../types.ts'
import { combine } from './binary.ts'
import { ADD } from './binary-rules.ts'
import { axisOf, floatAt, isFloat, numberOf, type Operator } from './operator.ts'

/** Runs of `size` elements `step` apart, `outer` times `step` of them. */
function runsOf(x: Tensor, axis: number): { readonly size: number; readonly step: number; readonly starts: number } {
  const size = x.shape[axis] as number
  const step = countOf(x.shape.slice(axis + 1))
  return { size, step, starts: size === 0 ? 0 : x.count / size }
}

function softmax(log: boolean): Operator {
  return (tape, inputs, operation) => {
    const x = floatAt(inputs, 0, operation)
    // Before opset 13 the axis began a run of all axes after it; the caller says so by `flat`.
    const flat = numberOf(operation, 'flat', 0) === 1
    const axis = axisOf(numberOf(operation, 'axis', flat ? 1 : -1), x.shape.length, operation)
    const whole = flat ? tape.reshaped(x, [countOf(x.shape.slice(0, axis)), countOf(x.shape.slice(axis))]) : x
    const { size, step, starts } = runsOf(whole, flat ? 1 : axis)
    const out = tape.blank(x.shape, x.tracked)
    const { machine } = tape
    if (!log && step === 1) {
      machine.softmax(x.at, starts, size, out.at)
      tape.later(out, () => {
        const [g, to] = [tape.grad(out), tape.grad(x)]
        machine.softmaxBack(out.at, g, starts, size, to)
      })
      return [out]
    }
    const f = tape.machine.floats
    for (let run = 0; run < starts; run++) {
      const first = Math.floor(run / step) * size * step + (run % step)
      const [from, to] = [x.at + first, out.at + first]
      let most = -Infinity
      for (let i = 0; i < size; i++) if (f[from + i * step]! > most) most = f[from + i * step]!
      let sum = 0
      for (let i = 0; i < size; i++) {
        const difference = f[from + i * step]! - most
        const e = difference < -100 ? 0 : exponential(difference)
        sum += e
        f[to + i * step] = log ? difference : e
      }
      if (log) {
        const shift = logarithm(sum)
        for (let i = 0; i < size; i++) f[to + i * step]! -= shift
      } else {
        const factor = 1 / sum
        for (let i = 0; i < size; i++) f[to + i * step]! *= factor
      }
    }
    tape.later(out, () => {
      const [g, to] = [tape.grad(out), tape.grad(x)]
      const now = tape.machine.floats
      for (let run = 0; run < starts; run++) {
        const first = Math.floor(run / step) * size * step + (run % step)
        let sum = 0
        for (let i = first; i < first + size * step; i += step)
          sum += log ? now[g + i]! : now[g + i]! * now[out.at + i]!
        for (let i = first; i < first + size * step; i += step) {
          now[to + i]! += log
            ? now[g + i]! - exponential(now[out.at + i]!) * sum
            : now[out.at + i]! * (now[g + i]! - sum)
        }
      }
    })
    return [out]
  }
}

/** (x - mean) / sqrt(variance + epsilon) over the last `size` elements, without the mean for RMS norms; times a gain, plus a bias. */
function normalized(
  tape: Tape,
  x: Tensor,
  gain: Tensor | null,
  bias: Tensor | null,
  size: number,
  epsilon: number,
  centers: boolean,
): Tensor {
  const out = tape.blank(x.shape, x.tracked || (gain?.tracked ?? false) || (bias?.tracked ?? false))
  const rows = size === 0 ? 0 : x.count / size
  const means = new Float64Array(rows)
  const factors = new Float64Array(rows)
  const f = tape.machine.floats
  // A gain may be repeated inside a run.
  const gains = gain?.count ?? 1
  const biases = bias?.count ?? 1
  for (let r = 0; r < rows; r++) {
    const from = x.at + r * size
    let mean = 0
    if (centers) {
      for (let i = 0; i < size; i++) mean += f[from + i]!
      mean /= size
    }
    let squares = 0
    for (let i = 0; i < size; i++) {
      const d = f[from + i]! - mean
      squares += d * d
    }
    const factor = 1 / Math.sqrt(squares / size + epsilon)
    means[r] = mean
    factors[r] = factor
    const to = out.at + r * size
    for (let i = 0; i < size; i++) {
      const value = (f[from + i]! - mean) * factor
      f[to + i] = value * (gain ? f[gain.at + (i % gains)]! : 1) + (bias ? f[bias.at + (i % biases)]! : 0)
    }
  }
  tape.later(out, () => {
    const g = tape.grad(out)
    const toX = x.tracked ? tape.grad(x) : -1
    const toGain = gain?.tracked ? tape.grad(gain) : -1
    const toBias = bias?.tracked ? tape.grad(bias) : -1
    const now = tape.machine.floats
    for (let r = 0; r < rows; r++) {
      const [mean, factor] = [means[r]!, factors[r]!]
      const from = x.at + r * size
      const own = g + r * size
      let sum = 0
      let along = 0
      for (let i = 0; i < size; i++) {
        const value = (now[from + i]! - mean) * factor
        const slope = now[own + i]!
        if (toGain >= 0) now[toGain + (i % gains)]! += slope * value
        if (toBias >= 0) now[toBias + (i % biases)]! += slope
        const inner = slope * (gain ? now[gain.at + (i % gains)]! : 1)
        sum += inner
        along += inner * value
      }
      if (toX < 0) continue
      const shift = centers ? sum / size : 0
      for (let i = 0; i < size; i++) {
        const value = (now[from + i]! - mean) * factor
        const inner = now[own + i]! * (gain ? now[gain.at + (i % gains)]! : 1)
        now[toX + r * size + i]! += factor * (inner - shift - (value * along) / size)
      }
    }
  })
  return out
}

function optional(inputs: readonly (Value | null)[], at: number): Tensor | null {
  const value = inputs[at]
  return isFloat(value) ? value : null
}

function layerNorm(centers: boolean): Operator {
  return (tape, inputs, operation) => {
    const x = floatAt(inputs, 0, operation)
    const axis = axisOf(numberOf(operation, 'axis', -1), x.shape.length, operation)
    const epsilon = Math.fround(numberOf(operation, 'epsilon', 1e-5))
    const size = countOf(x.shape.slice(axis))
    return [normalized(tape, x, optional(inputs, 1), centers ? optional(inputs, 2) : null, size, epsilon, centers)]
  }
}

/** x + skip (+ bias), and its norm: com.microsoft's fused forms. */
function skipNorm(centers: boolean): Operator {
  return (tape, inputs, operation) => {
    let x = combine(tape, ADD, floatAt(inputs, 0, operation), floatAt(inputs, 1, operation))
    const bias = optional(inputs, centers ? 4 : 3)
    if (bias) x = combine(tape, ADD, x, bias)
    const epsilon = Math.fround(numberOf(operation, 'epsilon', centers ? 1e-12 : 1e-5))
    const size = x.shape.at(-1) ?? 1
    const out = normalized(tape, x, optional(inputs, 2), centers ? optional(inputs, 3) : null, size, epsilon, centers)
    return [out, undefined, undefined, x]
  }
}

export const NORMS: readonly (readonly [string, Operator])[] = [
  ['Softmax', softmax(false)],
  ['LogSoftmax', softmax(true)],
  ['LayerNormalization', layerNorm(true)],
  ['SimplifiedLayerNormalization', layerNorm(false)],
  ['RMSNormalization', layerNorm(false)],
  ['SkipLayerNormalization', skipNorm(true)],
  ['SkipSimplifiedLayerNormalization', skipNorm(false)],
]
