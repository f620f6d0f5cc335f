import { uniform } from '../../numbers/rounding.ts'
import { padded, type UnitData } from '../../solvers/learned-rounding/index.ts'
import type { Chain, ChainLayer } from './learn-chains.ts'

/** A value as channels-last maps. */
export interface Maps {
  readonly count: number
  readonly height: number
  readonly width: number
  readonly channels: number
  /** Element of (map, y, x, channel). */
  at(map: number, y: number, x: number, channel: number): number
}

/** Floats of a value as maps; null where its rank does not fit. */
export function mapsOf(layout: Chain['layout'], values: Float32Array, shape: readonly number[]): Maps | null {
  if (layout === 'rows') {
    const channels = shape.at(-1) ?? 1
    if (shape.length < 1 || channels === 0) return null
    const count = values.length / channels
    return {
      count,
      height: 1,
      width: 1,
      channels,
      at: (map, _y, _x, channel) => values[map * channels + channel] as number,
    }
  }
  if (shape.length !== 3 && shape.length !== 4) return null
  const [count = 0, channels = 0] = shape
  const [height, width] = shape.length === 3 ? [1, shape[2] as number] : [shape[2] as number, shape[3] as number]
  const plane = height * width
  const at = (map: number, y: number, x: number, channel: number): number =>
    values[(map * channels + channel) * plane + y * width + x] as number
  return { count, height, width, channels, at }
}

interface Place {
  readonly size: readonly [number, number]
  readonly before: readonly [number, number]
}

/** Sizes of every map of a chain from that of its input, and zeros before each. */
function placesOf(layers: readonly ChainLayer[], height: number, width: number): readonly Place[] {
  const places: Place[] = []
  let size: readonly [number, number] = [height, width]
  for (const { shape, padding, ends } of layers) {
    const kernel = [(shape.kernelHeight - 1) * shape.stepY + 1, (shape.kernelWidth - 1) * shape.stepX + 1] as const
    const strides = [shape.strideY, shape.strideX] as const
    const result = [0, 1].map((axis) => {
      const [length, reach, stride] = [size[axis] as number, kernel[axis] as number, strides[axis] as number]
      if (padding === 'same-end' || padding === 'same-start') {
        const out = Math.ceil(length / stride)
        const total = Math.max(0, (out - 1) * stride + reach - length)
        const least = Math.floor(total / 2)
        return { out, before: padding === 'same-end' ? least : total - least }
      }
      const before = axis === 0 ? padding.top : padding.left
      const end = axis === 0 ? ends.bottom : ends.right
      return { out: Math.floor((length + before + end - reach) / stride) + 1, before }
    })
    const [y, x] = result as [{ out: number; before: number }, { out: number; before: number }]
    places.push({ size, before: [y.before, x.before] })
    size = [y.out, x.out]
  }
  places.push({ size, before: [0, 0] })
  return places
}

/** Windows of a chain that give `tile` by `tile` of its result, or all of a smaller one. */
export class WindowPlan {
  /** Height and width of the window of every map, the result's last. */
  readonly sizes: readonly (readonly [number, number])[]
  readonly #chain: Chain

  constructor(chain: Chain, height: number, width: number, tile: number) {
    this.#chain = chain
    const whole = placesOf(chain.layers, height, width).at(-1)?.size ?? [1, 1]
    const sizes: [number, number][] = [[Math.min(tile, whole[0]), Math.min(tile, whole[1])]]
    for (const { shape } of [...chain.layers].reverse()) {
      const [h, w] = sizes[0] as [number, number]
      sizes.unshift([
        (h - 1) * shape.strideY + (shape.kernelHeight - 1) * shape.stepY + 1,
        (w - 1) * shape.strideX + (shape.kernelWidth - 1) * shape.stepX + 1,
      ])
    }
    this.sizes = sizes
  }

  /** How many different windows a sample has. */
  distinct(input: Maps): number {
    const whole = (placesOf(this.#chain.layers, input.height, input.width).at(-1) as Place).size
    const last = this.sizes.at(-1) as readonly [number, number]
    return input.count * Math.max(1, whole[0] - last[0] + 1) * Math.max(1, whole[1] - last[1] + 1)
  }

  /** `count` windows of one sample; `seed` says where. */
  windows(
    sample: { readonly input: Maps; readonly added: readonly Maps[] },
    count: number,
    seed: number,
  ): UnitData | null {
    const { input, added } = sample
    const { layers } = this.#chain
    const places = placesOf(layers, input.height, input.width)
    const whole = (places.at(-1) as Place).size
    const last = this.sizes.at(-1) as readonly [number, number]
    const fits = whole[0] >= last[0] && whole[1] >= last[1]
    if (!fits || added.some((one) => one.height !== whole[0] || one.width !== whole[1] || one.count !== input.count)) {
      return null
    }
    const [first] = this.sizes as [readonly [number, number]]
    const inputs = new Float32Array(count * first[0] * first[1] * padded(input.channels))
    const operands = added.map((one) => new Float32Array(count * last[0] * last[1] * padded(one.channels)))
    const inside = new Int32Array(count * 4 * (layers.length - 1))
    for (let i = 0; i < count; i++) {
      const map = Math.floor(uniform(seed, 3 * i) * input.count)
      let y = Math.floor(uniform(seed, 3 * i + 1) * (whole[0] - last[0] + 1))
      let x = Math.floor(uniform(seed, 3 * i + 2) * (whole[1] - last[1] + 1))
      for (const [k, one] of added.entries()) copyWindow(one, map, y, x, last, operands[k] as Float32Array, i)
      for (let index = layers.length - 1; index >= 0; index--) {
        const { shape } = layers[index] as ChainLayer
        const { before, size } = places[index] as Place
        y = y * shape.strideY - before[0]
        x = x * shape.strideX - before[1]
        if (index === 0) break
        const [h, w] = this.sizes[index] as readonly [number, number]
        const at = (i * (layers.length - 1) + index - 1) * 4
        inside[at] = Math.max(0, -y)
        inside[at + 1] = Math.max(0, Math.min(h, size[0] - y))
        inside[at + 2] = Math.max(0, -x)
        inside[at + 3] = Math.max(0, Math.min(w, size[1] - x))
      }
      copyWindow(input, map, y, x, first, inputs, i)
    }
    return { count, inputs, added: operands, inside }
  }
}

/** Zeros where the window is outside. */
function copyWindow(
  from: Maps,
  map: number,
  top: number,
  left: number,
  [height, width]: readonly [number, number],
  to: Float32Array,
  index: number,
): void {
  const wide = padded(from.channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [v, h] = [top + y, left + x]
      if (v < 0 || h < 0 || v >= from.height || h >= from.width) continue
      const at = ((index * height + y) * width + x) * wide
      for (let c = 0; c < from.channels; c++) to[at + c] = from.at(map, v, h, c)
    }
  }
}

/** Windows of several samples as one. */
export function joined(parts: readonly UnitData[]): UnitData {
  const join = (arrays: readonly Float32Array[]): Float32Array => {
    const whole = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const array of arrays) {
      whole.set(array, at)
      at += array.length
    }
    return whole
  }
  const inside = parts.flatMap((part) => [...part.inside])
  return {
    count: parts.reduce((sum, { count }) => sum + count, 0),
    inputs: join(parts.map(({ inputs }) => inputs)),
    added: (parts[0]?.added ?? []).map((_, k) => join(parts.map(({ added }) => added[k] as Float32Array))),
    inside: Int32Array.from(inside),
  }
}
