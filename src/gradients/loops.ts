import { TersorError } from '../errors.ts'

type Numbers = Float32Array | Float64Array

export function countOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}

/** Elements from one index to the next along each axis of a tensor without gaps. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= shape[axis] as number
  }
  return strides
}

/** Strides of a tensor read under a larger shape: 0 where it is repeated. */
export function spreadStrides(from: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(from)
  const missing = to.length - from.length
  return to.map((_, axis) => (axis < missing || from[axis - missing] === 1 ? 0 : (own[axis - missing] as number)))
}

/** The shape of an elementwise result. E_FORMAT where shapes do not fit. */
export function spreadShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length] ?? 1
      if (own !== 1 && size !== 1 && own !== size) {
        throw new TersorError(
          'E_FORMAT',
          `shapes that can be spread over each other were expected, found ${shapes.map((one) => `[${one}]`).join(' and ')}`,
        )
      }
      if (own !== 1) size = own
    }
    return size
  })
}

/** Runs over several tensors at once: `dims` without the last, which is one run of `inner` elements with strides `steps`. */
export interface Walk {
  readonly dims: readonly number[]
  readonly strides: readonly (readonly number[])[]
  readonly inner: number
  readonly steps: readonly number[]
}

/** Neighbouring axes become one wherever every tensor can go through both in one stride. */
export function walkOf(shape: readonly number[], strides: readonly (readonly number[])[]): Walk {
  const dims: number[] = []
  const kept: number[][] = strides.map(() => [])
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis] as number
    if (size === 1) continue
    const last = dims.length - 1
    const joins = last >= 0 && strides.every((own, i) => (kept[i] as number[])[last] === (own[axis] as number) * size)
    if (joins) dims[last] = (dims[last] as number) * size
    else dims.push(size)
    const to = dims.length - 1
    for (const [i, own] of strides.entries()) (kept[i] as number[])[to] = own[axis] as number
  }
  if (dims.length === 0)
    return { dims: [], strides: strides.map(() => []), inner: countOf(shape), steps: strides.map(() => 0) }
  return {
    dims: dims.slice(0, -1),
    strides: kept.map((own) => own.slice(0, -1)),
    inner: dims.at(-1) as number,
    steps: kept.map((own) => own.at(-1) as number),
  }
}

/** Calls `run` for every run of a walk over two or three tensors with the places where it starts. */
export function visit(walk: Walk, starts: readonly number[], run: (a: number, b: number, c: number) => void): void {
  if (walk.inner === 0 || walk.dims.includes(0)) return
  const { dims, strides } = walk
  const none = dims.map(() => 0)
  const [sa, sb, sc] = [strides[0] ?? none, strides[1] ?? none, strides[2] ?? none]
  let [a, b, c] = [starts[0] ?? 0, starts[1] ?? 0, starts[2] ?? 0]
  const index = dims.map(() => 0)
  for (;;) {
    run(a, b, c)
    let axis = dims.length - 1
    for (; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1
      a += sa[axis] as number
      b += sb[axis] as number
      c += sc[axis] as number
      const size = dims[axis] as number
      if ((index[axis] as number) < size) break
      index[axis] = 0
      a -= size * (sa[axis] as number)
      b -= size * (sb[axis] as number)
      c -= size * (sc[axis] as number)
    }
    if (axis < 0) return
  }
}

/** to[...] = from[...], or += with `add`, over `shape` with strides of their own on both sides. */
export function copyStrided(
  from: Numbers,
  fromAt: number,
  fromStrides: readonly number[],
  to: Numbers,
  toAt: number,
  toStrides: readonly number[],
  shape: readonly number[],
  add: boolean,
): void {
  const walk = walkOf(shape, [fromStrides, toStrides])
  const [step = 0, stepTo = 0] = walk.steps
  const { inner } = walk
  const [ownFrom = [], ownTo = []] = walk.strides
  // Runs are often short: two axes at once.
  const last = walk.dims.length - 1
  const lines = last < 0 ? 1 : (walk.dims[last] as number)
  const lineStep = last < 0 ? 0 : (ownFrom[last] as number)
  const lineStepTo = last < 0 ? 0 : (ownTo[last] as number)
  const outer = { ...walk, dims: walk.dims.slice(0, -1), strides: [ownFrom.slice(0, -1), ownTo.slice(0, -1)] }
  if (lines === 0) return
  visit(outer, [fromAt, toAt], (a, b) => {
    for (let line = 0; line < lines; line++) {
      const first = a + line * lineStep
      const firstTo = b + line * lineStepTo
      if (add) for (let i = 0; i < inner; i++) to[firstTo + i * stepTo]! += from[first + i * step]!
      else for (let i = 0; i < inner; i++) to[firstTo + i * stepTo] = from[first + i * step]!
    }
  })
}

/** As `copyStrided`, for integers: a function of its own, since engines compile it for one kind of array. */
export function copyPlain(
  from: Float64Array,
  fromAt: number,
  fromStrides: readonly number[],
  to: Float64Array,
  toAt: number,
  toStrides: readonly number[],
  shape: readonly number[],
): void {
  const walk = walkOf(shape, [fromStrides, toStrides])
  const [step = 0, stepTo = 0] = walk.steps
  visit(walk, [fromAt, toAt], (a, b) => {
    for (let i = 0; i < walk.inner; i++) to[b + i * stepTo] = from[a + i * step]!
  })
}
