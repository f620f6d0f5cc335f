import fc from 'fast-check'
import { expect } from 'vitest'
import { FitMode, type Kernels } from '../../src/model/kernels.ts'

export const MODES = Object.values(FitMode)
const ARENA_BYTES = 1 << 20
/** Bytes beyond the last area that are watched, too. */
const MARGIN = 256
export const PATTERN = 0xa5

type KernelName = Exclude<keyof Kernels, 'id' | 'memory' | 'reserve' | 'prepareLevels'>

/** Two engines that get the same memory and the same calls, and must leave the same bytes. */
export class Pair {
  readonly engines: readonly [Kernels, Kernels]
  readonly start: number
  private next: number

  constructor(candidate: Kernels, oracle: Kernels) {
    this.engines = [candidate, oracle]
    this.start = candidate.reserve(ARENA_BYTES)
    expect(oracle.reserve(ARENA_BYTES)).toBe(this.start)
    this.next = this.start
  }

  /** Forgets all areas. */
  clear(): void {
    for (const { memory } of this.engines) new Uint8Array(memory, this.start, MARGIN).fill(PATTERN)
    this.next = this.start
  }

  /** An area `offset` bytes beyond a multiple of 64, filled with a pattern up to the margin, so that a stray write shows. */
  area(byteLength: number, offset = 0): number {
    const at = Math.ceil(this.next / 64) * 64 + offset
    this.next = at + byteLength
    if (this.next + MARGIN > this.start + ARENA_BYTES) throw new Error('this case needs a larger arena')
    for (const { memory } of this.engines) new Uint8Array(memory, at, byteLength + MARGIN).fill(PATTERN)
    return at
  }

  put(values: ArrayLike<number>, type: 'f32' | 'f64' | 'u32' | 'u16' | 'u8' = 'f32', offset = 0): number {
    const Type = { f32: Float32Array, f64: Float64Array, u32: Uint32Array, u16: Uint16Array, u8: Uint8Array }[type]
    const at = this.area(values.length * Type.BYTES_PER_ELEMENT, offset)
    for (const { memory } of this.engines) new Type(memory, at, values.length).set(values)
    return at
  }

  /** Calls both, compares the results and the whole arena. */
  call(name: KernelName, ...all: number[]): number {
    const [first, second] = this.engines.map((engine) => (engine[name] as (...rest: number[]) => number)(...all))
    if (!Object.is(first, second)) throw new Error(`${name}(${all.join(', ')}): ${first} is not ${second}`)
    const [a, b] = this.engines.map(({ memory }) => new Uint8Array(memory, this.start, this.used))
    for (let i = 0; i < a!.length; i++) {
      if (a![i] !== b![i])
        throw new Error(`${name}(${all.join(', ')}): byte ${i + this.start} is ${a![i]} and ${b![i]}`)
    }
    return first!
  }

  private get used(): number {
    return this.next - this.start + MARGIN
  }

  floats(at: number, count: number): Float32Array {
    return new Float32Array(this.engines[0].memory, at, count).slice()
  }

  doubles(at: number, count: number): Float64Array {
    return new Float64Array(this.engines[0].memory, at, count).slice()
  }

  bytes(at: number, count: number): Uint8Array {
    return new Uint8Array(this.engines[0].memory, at, count).slice()
  }
}

/** Deterministic values of several characters: what weights look like, and what they should not look like. */
export function sampleValues(count: number, kind: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
  const bell = () => uniform() + uniform() + uniform() + uniform() - 2
  const make: (() => number)[] = [
    bell,
    () => bell() ** 3 * 4,
    () => 0,
    () => (uniform() < 0.03 ? 60 : bell() * 0.1),
    () => (uniform() < 0.5 ? -0 : 0.25),
    () => bell() * 1e-39,
    () => bell() * 1.7e38,
    () => Math.floor(uniform() * 16) - 8,
    () => uniform() + 3,
    () => -uniform() * 1e-6,
    () => bell() * 1e5,
    () => bell() * 2e-21,
  ]
  return Float32Array.from({ length: count }, make[kind % make.length]!)
}
export const SAMPLE_KINDS = 12

export interface Tile {
  readonly rows: number
  readonly columns: number
  readonly gap: number
  readonly block: number
  readonly bits: number
  readonly mode: FitMode
  readonly half: 0 | 1
  readonly flip: boolean
  readonly kind: number
  readonly seed: number
  readonly offset: number
}

export const tiles: fc.Arbitrary<Tile> = fc.record({
  rows: fc.integer({ min: 1, max: 70 }),
  columns: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(96, 128, 255, 256, 257)),
  gap: fc.constantFrom(0, 0, 1, 3, 16),
  block: fc.constantFrom(8, 16, 32, 32, 64, 128, 256),
  bits: fc.constantFrom(2, 4, 4, 8),
  mode: fc.constantFrom(...MODES),
  half: fc.constantFrom<0 | 1>(0, 1),
  flip: fc.boolean(),
  kind: fc.nat(SAMPLE_KINDS - 1),
  seed: fc.nat(1000),
  offset: fc.constantFrom(0, 4, 8, 20),
})

/** Proposes, measures twice, chooses with refit: returns where the scales are. */
export function streamFit(
  pair: Pair,
  src: number,
  rows: number,
  columns: number,
  range: number,
  mode: FitMode,
  maxCode: number,
): number {
  const scales = pair.area(32 * columns * 4)
  const zeros = pair.area(32 * columns)
  const sums = pair.put(new Float64Array(3 * 32 * columns), 'f64')
  const chosen = pair.area(columns * 4)
  const chosenZeros = pair.area(columns)
  const part = 32 * columns * 8
  pair.call('foldColumns', src, columns, rows, columns, range, range + columns * 4)
  const count = pair.call('proposeGrids', range, range + columns * 4, columns, mode, maxCode, 0, scales, zeros)
  expect(count).toBeLessThanOrEqual(32)
  const top = rows >> 1
  const grids = [scales, zeros, count, maxCode, sums, sums + part, sums + part * 2] as const
  pair.call('gridColumns', src, columns, top, columns, ...grids)
  pair.call('gridColumns', src + top * columns * 4, columns, rows - top, columns, ...grids)
  for (const refit of [0, 1] as const) {
    pair.call(
      'chooseGrids',
      scales,
      zeros,
      count,
      columns,
      sums,
      sums + part,
      sums + part * 2,
      refit,
      0,
      chosen,
      1,
      chosenZeros,
      1,
    )
  }
  return chosen
}
