import { expect, test } from 'vitest'
import type { IntegerSpec } from '../../model/packing.ts'
import type { MatrixView, QuantizedTensor } from '../../model/scheme.ts'
import { uniform } from '../../numbers/rounding.ts'
import { LearnedCodes, Warmth } from './index.ts'

const spec = (bits: 2 | 4, symmetric: boolean, size: number, scale: 'f32' | 'f16' = 'f32'): IntegerSpec => ({
  ...{ family: 'integer', bits, granularity: { kind: 'block', size }, symmetric, scale },
})

const view = (along: 'row' | 'column', channels: number, depth: number): MatrixView => ({
  stack: 1,
  channels,
  depth,
  along,
})

function startOf(values: readonly number[], own: IntegerSpec, seen: MatrixView, scale: number): QuantizedTensor {
  const blocks = own.granularity.kind === 'block' ? Math.ceil(seen.depth / own.granularity.size) : 1
  const zero = own.symmetric ? 2 ** (own.bits - 1) : 1
  const grids = seen.channels * blocks
  const codes = Uint8Array.from(values, (value) =>
    Math.min(2 ** own.bits - 1, Math.max(0, Math.floor(value / scale + 0.5) + zero)),
  )
  const scales = new Float32Array(grids).fill(scale)
  return { spec: own, view: seen, codes, scales, ...(own.symmetric ? {} : { zeros: new Uint8Array(grids).fill(zero) }) }
}

const numbers = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => 2 * uniform(seed, i) - 1)

for (const along of ['row', 'column'] as const) {
  for (const symmetric of [true, false]) {
    test(`before the first step codes are those given: ${along}, ${symmetric ? 'symmetric' : 'with zeros'}`, () => {
      const seen = view(along, 3, 10)
      const values = Float32Array.from(numbers(30, 1))
      const start = startOf([...values], spec(4, symmetric, 4), seen, 0.2)
      const learned = new LearnedCodes(start, values)
      expect(learned.quantized()).toEqual(start)
      const out = new Float32Array(30)
      learned.decode(out)
      const zero = symmetric ? 8 : 1
      expect([...out]).toEqual(Array.from(start.codes, (code) => Math.fround(Math.fround(0.2) * (code - zero))))
    })
  }
}

test('each grid has its own scale, along the depth of either order', () => {
  const own = spec(2, true, 2)
  const codes = new Uint8Array(8).fill(3)
  const scales = Float32Array.from([1, 2, 3, 4])
  const decoded = (along: 'row' | 'column') => {
    const out = new Float32Array(8)
    new LearnedCodes({ spec: own, view: view(along, 2, 4), codes, scales }, new Float32Array(8).fill(9)).decode(out)
    return [...out]
  }
  expect(decoded('row')).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
  expect(decoded('column')).toEqual([1, 3, 1, 3, 2, 4, 2, 4])
})

test('factors along the depth multiply, float rows are added, and neither is learned', () => {
  const seen = view('column', 2, 3)
  const start = startOf(numbers(6, 3), spec(4, true, 16), seen, 0.1)
  const options = { factors: Float32Array.from([2, 0, 1]), added: Float32Array.from([0, 0, 7, 8, 0, 0]) }
  const out = new Float32Array(6)
  const learned = new LearnedCodes(start, Float32Array.from(numbers(6, 3)), options)
  learned.decode(out)
  const plain = new Float32Array(6)
  learned.decodeCodes(plain)
  expect([...out]).toEqual([...plain].map((value, i) => (i < 2 ? 2 * value : i < 4 ? 7 + (i % 2) : value)))
})

test('places and scales descend to weights that a product needs, better than nearest codes do', () => {
  // y = x W with correlated inputs: the best codes are not the nearest.
  const [depth, channels] = [16, 4]
  const seen = view('column', channels, depth)
  const values = Float32Array.from(numbers(depth * channels, 5))
  const start = startOf([...values], spec(2, true, 16, 'f16'), seen, 0.5)
  const inputs = Array.from({ length: 64 }, (_, row) =>
    Array.from({ length: depth }, (_, k) => 1 + 0.3 * (uniform(row, k) - 0.5)),
  )
  const errorOf = (decoded: Float32Array, gradient: Float32Array | null): number => {
    let sum = 0
    for (const x of inputs) {
      for (let c = 0; c < channels; c++) {
        let difference = 0
        for (let k = 0; k < depth; k++) {
          const at = k * channels + c
          difference += (x[k] as number) * ((decoded[at] as number) - (values[at] as number))
        }
        sum += difference * difference
        if (gradient) for (let k = 0; k < depth; k++) gradient[k * channels + c]! += 2 * difference * (x[k] as number)
      }
    }
    return sum
  }
  const learn = () => {
    const learned = new LearnedCodes(start, values)
    const [places, scales] = [new Warmth(), new Warmth()]
    const decoded = new Float32Array(values.length)
    learned.decode(decoded)
    const before = errorOf(decoded, null)
    for (let step = 0; step < 60; step++) {
      const gradient = new Float32Array(values.length)
      errorOf(decoded, gradient)
      learned.step(gradient, places.next(0.05 * (1 - step / 60)), scales.next(0.01 * (1 - step / 60)))
      learned.decode(decoded)
    }
    return { before, after: errorOf(decoded, null), quantized: learned.quantized(), decoded }
  }
  const { before, after, quantized, decoded } = learn()
  expect(after).toBeLessThan(before / 5)
  expect(Math.max(...quantized.codes)).toBeLessThanOrEqual(3)
  expect(learn().quantized).toEqual(quantized)
  const scales = quantized.scales
  const again = Array.from(quantized.codes, (code, i) => Math.fround((scales[i % channels] as number) * (code - 2)))
  expect(again).toEqual([...decoded])
})
