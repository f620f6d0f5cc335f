import { TersorError } from '../errors.ts'

/** How a product meets its input. */
export type Unfolding = ConvUnfolding | RowUnfolding

/** Patches of a convolution's input [batch, channels, ...spatial], each in the order of a row of the kernel: channel of the group, then position. */
export interface ConvUnfolding {
  readonly kind: 'conv'
  readonly groups: number
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Explicit: begins, then ends. */
  readonly pads: readonly number[] | 'SAME_UPPER' | 'SAME_LOWER' | 'VALID'
}

/** Rows of a matrix (of a stack of matrices); `turned`: its columns. */
export interface RowUnfolding {
  readonly kind: 'rows'
  readonly turned: boolean
}

/** Where the rows of one value are, found once for all its groups. */
export interface UnfoldedShape {
  readonly groups: number
  /** Length of a row. */
  readonly depth: number
  /** Rows in each group. */
  readonly positions: number
  /** Copies the rows at `positions` of one group into `target`, `stride` elements apart. */
  copy(values: Float32Array, group: number, positions: readonly number[], target: Float32Array, stride: number): void
}

/** E_FORMAT where the shape does not suit the product. */
export function unfoldedShape(unfolding: Unfolding, shape: readonly number[]): UnfoldedShape {
  return unfolding.kind === 'conv' ? patchesOf(unfolding, shape) : rowsOf(unfolding, shape)
}

/**
 * `count` of `total` positions, all different and evenly spread whatever the lengths of the axes: multiples of a number near the golden section that has
 * no factor in common with `total`, from `start` on. All of them, in order, when that many are wanted.
 */
export function spreadPositions(total: number, count: number, start: number): readonly number[] {
  if (count >= total) return Array.from({ length: total }, (_, index) => index)
  let step = Math.max(1, Math.floor(total * 0.6180339887498949))
  while (divisor(step, total) !== 1) step -= 1
  const first = start % total
  return Array.from({ length: count }, (_, index) => (first + index * step) % total)
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}

function rowsOf({ turned }: RowUnfolding, shape: readonly number[]): UnfoldedShape {
  if (shape.length === 0) throw new TersorError('E_FORMAT', 'expected a matrix as input of a product, found a scalar')
  const last = shape.at(-1) as number
  const before = shape.at(-2) ?? 1
  const depth = turned ? before : last
  const positions = shape.reduce((a, b) => a * b, 1) / Math.max(1, depth)
  return {
    groups: 1,
    depth,
    positions,
    copy: (values, _group, wanted, target, stride) => {
      for (const [row, position] of wanted.entries()) {
        const to = row * stride
        if (!turned) {
          for (let i = 0; i < depth; i++) target[to + i] = values[position * depth + i] as number
          continue
        }
        const matrix = Math.floor(position / last)
        const from = matrix * depth * last + (position - matrix * last)
        for (let i = 0; i < depth; i++) target[to + i] = values[from + i * last] as number
      }
    },
  }
}

/** One spatial axis: where each kernel position of an output starts. */
interface Axis {
  readonly size: number
  readonly outputs: number
  readonly stride: number
  readonly dilation: number
  readonly before: number
}

function patchesOf(conv: ConvUnfolding, shape: readonly number[]): UnfoldedShape {
  const [batch = 0, channels = 0, ...sizes] = shape
  const { kernel, groups } = conv
  if (sizes.length !== kernel.length || channels % groups !== 0) {
    throw new TersorError(
      'E_FORMAT',
      `expected an input for a kernel [${kernel}] in ${groups} groups, found [${shape}]`,
    )
  }
  const axes = sizes.map((size, axis) => axisOf(conv, axis, size))
  const taps = kernel.reduce((a, b) => a * b, 1)
  const inGroup = channels / groups
  const area = sizes.reduce((a, b) => a * b, 1)
  const outputs = axes.reduce((count, axis) => count * axis.outputs, 1)
  let known: readonly number[] | null = null
  let offsets = new Int32Array(0)
  return {
    groups,
    depth: inGroup * taps,
    positions: batch * outputs,
    copy: (values, group, wanted, target, stride) => {
      if (known !== wanted) {
        // The same for every group.
        known = wanted
        offsets = new Int32Array(wanted.length * taps)
        for (const [row, position] of wanted.entries()) {
          offsetsAt(axes, kernel, position % outputs, offsets.subarray(row * taps, (row + 1) * taps))
        }
      }
      const starts = wanted.map((position) => (Math.floor(position / outputs) * channels + group * inGroup) * area)
      if (taps === 1) copyColumns(values, starts, offsets, inGroup, area, target, stride)
      else copyPatches(values, starts, offsets, inGroup, area, taps, target, stride)
    },
  }
}

/** Kernels of one position: channel by channel, whose elements lie together. */
function copyColumns(
  values: Float32Array,
  starts: readonly number[],
  offsets: Int32Array,
  channels: number,
  area: number,
  target: Float32Array,
  stride: number,
): void {
  const places = starts.map((start, row) => start + (offsets[row] as number))
  for (let channel = 0; channel < channels; channel++) {
    const plane = channel * area
    for (let row = 0, to = channel; row < places.length; row++, to += stride)
      target[to] = (offsets[row] as number) < 0 ? 0 : (values[plane + (places[row] as number)] as number)
  }
}

function copyPatches(
  values: Float32Array,
  starts: readonly number[],
  offsets: Int32Array,
  channels: number,
  area: number,
  taps: number,
  target: Float32Array,
  stride: number,
): void {
  for (let row = 0; row < starts.length; row++) {
    let from = starts[row] as number
    let to = row * stride
    for (let channel = 0; channel < channels; channel++, from += area) {
      for (let tap = row * taps; tap < (row + 1) * taps; tap++) {
        const offset = offsets[tap] as number
        target[to++] = offset < 0 ? 0 : (values[from + offset] as number)
      }
    }
  }
}

function axisOf({ kernel, strides, dilations, pads }: ConvUnfolding, axis: number, size: number): Axis {
  const stride = strides[axis] ?? 1
  const dilation = dilations[axis] ?? 1
  const reach = ((kernel[axis] as number) - 1) * dilation + 1
  if (pads === 'SAME_UPPER' || pads === 'SAME_LOWER') {
    const outputs = Math.ceil(size / stride)
    const missing = Math.max(0, (outputs - 1) * stride + reach - size)
    const before = pads === 'SAME_UPPER' ? Math.floor(missing / 2) : Math.ceil(missing / 2)
    return { size, outputs, stride, dilation, before }
  }
  const [before, after] = pads === 'VALID' ? [0, 0] : [pads[axis] ?? 0, pads[axis + kernel.length] ?? 0]
  const outputs = Math.max(0, Math.floor((size + before + after - reach) / stride) + 1)
  return { size, outputs, stride, dilation, before }
}

/** Where in one channel each kernel position of an output reads; -1 in the padding. */
function offsetsAt(axes: readonly Axis[], kernel: readonly number[], output: number, offsets: Int32Array): void {
  offsets.fill(0)
  let rest = output
  let after = 1
  let pitch = 1
  for (let axis = axes.length - 1; axis >= 0; axis--) {
    const { size, outputs, stride, dilation, before } = axes[axis] as Axis
    const length = kernel[axis] as number
    const start = (rest % outputs) * stride - before
    rest = Math.floor(rest / outputs)
    for (let tap = 0; tap < offsets.length; tap++) {
      const at = start + (Math.floor(tap / after) % length) * dilation
      const offset = offsets[tap] as number
      offsets[tap] = offset < 0 || at < 0 || at >= size ? -1 : offset + at * pitch
    }
    after *= length
    pitch *= size
  }
}
