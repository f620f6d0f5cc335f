import { countOf } from '../loops.ts'
import type { Tape } from '../tape.ts'
import type { Operation } from '../types.ts'
import { listOf, numberOf, textOf } from './operator.ts'

/** Where the windows of a convolution or a pooling lie. */
export interface Places {
  readonly sizes: readonly number[]
  readonly outputs: readonly number[]
  /** Elements of a channel, places of the kernel, windows. */
  readonly plane: number
  readonly count: number
  readonly points: number
  /** [count][points]: the element of a channel that a place of a window meets; -1 outside. */
  readonly sources: Int32Array
  /** Every window is one element, in order: what comes in is what would be unfolded. */
  readonly isPlain: boolean
}

interface Axis {
  readonly stride: number
  readonly dilation: number
  readonly begin: number
  readonly output: number
}

/** Sizes are those behind batch and channels. */
export function placesOf(sizes: readonly number[], kernel: readonly number[], operation: Operation): Places {
  const axes = axesOf(sizes, kernel, operation)
  const outputs = axes.map(({ output }) => output)
  const [plane, count, points] = [countOf(sizes), countOf(kernel), countOf(outputs)]
  const sources = new Int32Array(count * points)
  for (let k = 0; k < count; k++) {
    let rest = k
    const within = kernel.map(() => 0)
    for (let axis = kernel.length - 1; axis >= 0; axis--) {
      within[axis] = rest % (kernel[axis] as number)
      rest = Math.floor(rest / (kernel[axis] as number))
    }
    fill(sources, k * points, axes, within, sizes)
  }
  const plain = axes.every(({ stride, begin }, axis) => stride === 1 && begin === 0 && outputs[axis] === sizes[axis])
  return { sizes, outputs, plane, count, points, sources, isPlain: count === 1 && plain }
}

function axesOf(sizes: readonly number[], kernel: readonly number[], operation: Operation): readonly Axis[] {
  const strides = listOf([], 3, 'strides', operation)
  const dilations = listOf([], 3, 'dilations', operation)
  const auto = textOf(operation, 'auto_pad', 'NOTSET')
  const pads = listOf([], 3, 'pads', operation) ?? []
  const round = numberOf(operation, 'ceil_mode', 0) === 1 ? Math.ceil : Math.floor
  return sizes.map((size, axis) => {
    const [stride, dilation] = [strides?.[axis] ?? 1, dilations?.[axis] ?? 1]
    const span = ((kernel[axis] as number) - 1) * dilation + 1
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const output = Math.ceil(size / stride)
      const all = Math.max(0, (output - 1) * stride + span - size)
      const begin = auto === 'SAME_UPPER' ? Math.floor(all / 2) : Math.ceil(all / 2)
      return { stride, dilation, begin, output }
    }
    const [begin, end] = auto === 'VALID' ? [0, 0] : [pads[axis] ?? 0, pads[axis + sizes.length] ?? 0]
    const most = round((size + begin + end - span) / stride) + 1
    // No window begins behind the picture.
    const output = (most - 1) * stride >= size + begin && round === Math.ceil ? most - 1 : most
    return { stride, dilation, begin, output: Math.max(0, output) }
  })
}

/** Sources of one place of the kernel, window after window. */
function fill(
  to: Int32Array,
  first: number,
  axes: readonly Axis[],
  within: readonly number[],
  sizes: readonly number[],
): void {
  const index = axes.map(() => 0)
  const points = axes.reduce((all, { output }) => all * output, 1)
  const last = axes.length - 1
  for (let point = 0; point < points; point++) {
    let at = 0
    for (let axis = 0; axis <= last && at >= 0; axis++) {
      const { stride, dilation, begin } = axes[axis] as Axis
      const place = (index[axis] as number) * stride + (within[axis] as number) * dilation - begin
      const size = sizes[axis] as number
      at = place < 0 || place >= size ? -1 : at * size + place
    }
    to[first + point] = at
    for (let axis = last; axis >= 0; axis--) {
      index[axis]! += 1
      if (index[axis]! < (axes[axis] as Axis).output) break
      index[axis] = 0
    }
  }
}

/** Patches of some channels: to[channels * count][points] from from[channels][plane], zeros outside. */
export function unfold(tape: Tape, from: number, channels: number, places: Places, to: number): void {
  const { plane, count, points, sources } = places
  const f = tape.machine.floats
  for (let c = 0; c < channels; c++) {
    const base = from + c * plane
    for (let k = 0; k < count; k++) {
      const [row, own] = [to + (c * count + k) * points, k * points]
      for (let point = 0; point < points; point++) {
        const at = sources[own + point]!
        f[row + point] = at < 0 ? 0 : f[base + at]!
      }
    }
  }
}

/** The way back: patches are added to the elements that they came from. */
export function fold(tape: Tape, patches: number, channels: number, places: Places, to: number): void {
  const { plane, count, points, sources } = places
  const f = tape.machine.floats
  for (let c = 0; c < channels; c++) {
    const base = to + c * plane
    for (let k = 0; k < count; k++) {
      const [row, own] = [patches + (c * count + k) * points, k * points]
      for (let point = 0; point < points; point++) {
        const at = sources[own + point]!
        if (at >= 0) f[base + at]! += f[row + point]!
      }
    }
  }
}
