import { TersorError } from '../../errors.ts'
import { countOf, visit, walkOf } from '../loops.ts'
import type { Tape } from '../tape.ts'
import type { Operation, Tensor } from '../types.ts'
import { floatAt, isFloat, listOf, numberOf, type Operator, textOf } from './operator.ts'

interface Places {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Before the first element of each axis. */
  readonly begins: readonly number[]
  readonly outputs: readonly number[]
}

function placesOf(sizes: readonly number[], kernel: readonly number[], operation: Operation): Places {
  const ones = sizes.map(() => 1)
  const strides = listOf([], 3, 'strides', operation) ?? ones
  const dilations = listOf([], 3, 'dilations', operation) ?? ones
  const spans = kernel.map((size, axis) => (size - 1) * (dilations[axis] as number) + 1)
  const auto = textOf(operation, 'auto_pad', 'NOTSET')
  const pads = listOf([], 3, 'pads', operation) ?? []
  const rank = sizes.length
  const begins: number[] = []
  const outputs = sizes.map((size, axis) => {
    const [stride, span] = [strides[axis] as number, spans[axis] as number]
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const count = Math.ceil(size / stride)
      const all = Math.max(0, (count - 1) * stride + span - size)
      begins.push(auto === 'SAME_UPPER' ? Math.floor(all / 2) : Math.ceil(all / 2))
      return count
    }
    const [before, after] = auto === 'VALID' ? [0, 0] : [pads[axis] ?? 0, pads[axis + rank] ?? 0]
    begins.push(before)
    return Math.max(0, Math.floor((size + before + after - span) / stride) + 1)
  })
  return { kernel, strides, dilations, begins, outputs }
}

/** Patches of one group of channels of one sample: [channels * kernel][outputs], zeros outside. */
function unfold(
  tape: Tape,
  from: number,
  sizes: readonly number[],
  channels: number,
  places: Places,
  to: number,
): void {
  const { kernel, strides, dilations, begins, outputs } = places
  const f = tape.machine.floats
  const [plane, count, points] = [countOf(sizes), countOf(kernel), countOf(outputs)]
  const indexOf = (flat: number, shape: readonly number[]): number[] => {
    const index = new Array<number>(shape.length)
    let rest = flat
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % (shape[axis] as number)
      rest = Math.floor(rest / (shape[axis] as number))
    }
    return index
  }
  const outs = Array.from({ length: points }, (_, point) => indexOf(point, outputs))
  for (let k = 0; k < count; k++) {
    const within = indexOf(k, kernel)
    const sources = outs.map((out) => {
      let at = 0
      for (const [axis, size] of sizes.entries()) {
        const place =
          (out[axis] as number) * (strides[axis] as number) +
          (within[axis] as number) * (dilations[axis] as number) -
          (begins[axis] as number)
        if (place < 0 || place >= size) return -1
        at = at * size + place
      }
      return at
    })
    for (let c = 0; c < channels; c++) {
      const row = to + (c * count + k) * points
      const base = from + c * plane
      for (let point = 0; point < points; point++) {
        const at = sources[point] as number
        f[row + point] = at < 0 ? 0 : f[base + at]!
      }
    }
  }
}

/** Of what is fed, as the patches of vision and the frames of speech: nothing that is learned may stand before it. */
const conv: Operator = (tape, inputs, operation) => {
  const x = floatAt(inputs, 0, operation)
  const w = floatAt(inputs, 1, operation)
  const bias = isFloat(inputs[2]) ? inputs[2] : null
  if (x.tracked || w.tracked || bias?.tracked) {
    throw new TersorError('E_UNSUPPORTED', 'gradients: Conv behind a weight that is learned is not known')
  }
  const [samples = 1, channels = 1, ...sizes] = x.shape
  const [filters = 1, depth = 1, ...kernel] = w.shape
  const groups = numberOf(operation, 'group', 1)
  const places = placesOf(sizes, kernel, operation)
  const points = countOf(places.outputs)
  const out: Tensor = tape.blank([samples, filters, ...places.outputs], false)
  const { machine } = tape
  const rows = depth * countOf(kernel)
  const own = filters / groups
  for (let sample = 0; sample < samples; sample++) {
    for (let group = 0; group < groups; group++) {
      const mark = machine.end
      const patches = machine.take(rows * points)
      unfold(tape, x.at + (sample * channels + group * depth) * countOf(sizes), sizes, depth, places, patches)
      const to = out.at + (sample * filters + group * own) * points
      machine.multiply(w.at + group * own * rows, rows, 1, patches, points, to, points, own, rows, points, false)
      machine.release(mark)
    }
  }
  if (bias) {
    const f = machine.floats
    const walk = walkOf(
      [samples, filters, points],
      [
        [filters * points, points, 1],
        [0, 1, 0],
      ],
    )
    const [step = 0, stepBias = 0] = walk.steps
    visit(walk, [out.at, bias.at], (a, b) => {
      for (let i = 0; i < walk.inner; i++) f[a + i * step]! += f[b + i * stepBias]!
    })
  }
  return [out]
}

export const CONVOLUTIONS: readonly (readonly [string, Operator])[] = [['Conv', conv]]
