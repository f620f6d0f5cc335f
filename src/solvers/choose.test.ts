import { describe, expect, test } from 'vitest'
import { integerSpec } from '../../test/contracts/packing.ts'
import { weightKinds } from '../../test/contracts/weights.ts'
import { createWasmKernelsSync } from '../kernels/wasm.ts'
import type { MatrixView } from '../model/scheme.ts'
import { chooseByErrorPerByte, measureCandidates } from './choose.ts'
import { sampleOf } from './sample.ts'
import { solveTensor } from './solve.ts'

const kernels = createWasmKernelsSync()

describe('chooseByErrorPerByte', () => {
  const entry = (name: string, rmsError: number, bitsPerWeight: number) => ({
    name,
    squaredError: rmsError ** 2,
    bytes: bitsPerWeight * 1000,
    bitsPerWeight,
  })

  test('a bit must halve the error', () => {
    const four = entry('four', 0.1, 4)
    expect(chooseByErrorPerByte([four, entry('five', 0.049, 5)]).name).toBe('five')
    expect(chooseByErrorPerByte([four, entry('five', 0.051, 5)]).name).toBe('four')
    // The table of research: zero-points pay for heavy tails, not for Gaussian weights.
    expect(chooseByErrorPerByte([entry('sym', 0.0808, 4.5), entry('asym', 0.0766, 4.625)]).name).toBe('sym')
    expect(chooseByErrorPerByte([entry('sym', 0.1024, 4.5), entry('asym', 0.0889, 4.625)]).name).toBe('asym')
  })

  test('order does not matter, ties go to fewer bytes', () => {
    const [a, b] = [entry('a', 0.25, 4), entry('b', 0.125, 5)]
    expect(chooseByErrorPerByte([a, b]).name).toBe('a')
    expect(chooseByErrorPerByte([b, a]).name).toBe('a')
  })

  test('without error the smallest wins', () => {
    const exact = [entry('large', 0, 8), entry('small', 0, 4), entry('lossy', 0.1, 2)]
    expect(chooseByErrorPerByte(exact).name).toBe('small')
  })

  test('a smaller slope buys quality', () => {
    expect(chooseByErrorPerByte([entry('four', 0.1, 4), entry('five', 0.06, 5)], 0.5).name).toBe('five')
  })
})

describe('measureCandidates', () => {
  const view: MatrixView = { stack: 1, channels: 256, depth: 512, along: 'column' }
  const candidates = [integerSpec(4, 32, true, 'f16'), integerSpec(4, 32, false, 'f16')].map((spec) => ({ spec }))

  test('bytes are of the whole tensor and may be given', () => {
    const values = weightKinds.gaussian(1, 256 * 512)
    const [plain, given] = measureCandidates(
      values,
      view,
      [candidates[0]!, { ...candidates[1]!, bytes: 131072 }],
      'nearest',
      kernels,
      4096,
    )
    expect(plain!.bitsPerWeight).toBe(4.5)
    expect(plain!.bytes).toBe((256 * 512 * 4.5) / 8)
    expect(given!.bitsPerWeight).toBe(8)
  })

  test('a sample estimates the whole within a few percent', () => {
    const values = weightKinds.heavyTailed(1, 256 * 512)
    for (const entry of measureCandidates(values, view, candidates, 'nearest', kernels, 32768)) {
      const whole = solveTensor(values, view, entry.spec, 'nearest', kernels)
      const relative = Math.sqrt(entry.squaredError / entry.energy / (whole.squaredError / whole.energy))
      expect(Math.abs(relative - 1)).toBeLessThan(0.03)
    }
  })

  test('chooses zero-points for one-sided weights, none for Gaussian ones', () => {
    const symmetricOf = (values: Float32Array) =>
      chooseByErrorPerByte(measureCandidates(values, view, candidates, 'search', kernels, 16384)).spec.symmetric
    expect(symmetricOf(weightKinds.gaussian(1, 256 * 512))).toBe(true)
    expect(symmetricOf(weightKinds.gaussian(1, 256 * 512).map((value) => Math.abs(value)))).toBe(false)
  })
})

describe('sampleOf', () => {
  const specs = [integerSpec(4, 32), integerSpec(4, 48)]

  test('small tensors are taken whole', () => {
    const values = weightKinds.gaussian(1, 100)
    const view: MatrixView = { stack: 1, channels: 10, depth: 10, along: 'row' }
    expect(sampleOf(values, view, specs, 100)).toEqual({ values, view })
  })

  test.each(['row', 'column'] as const)(
    'along %s: whole blocks of all sizes, from everywhere, always the same',
    (along) => {
      const view: MatrixView = { stack: 2, channels: 30, depth: 1000, along }
      // Each value names its place.
      const values = Float32Array.from({ length: 60_000 }, (_, index) => index)
      const sample = sampleOf(values, view, specs, 9600)
      expect(sample).toEqual(sampleOf(values, view, specs, 9600))
      expect(sample.view).toEqual({ stack: 1, channels: 100, depth: 96, along: 'row' })
      const offsets = new Set<number>()
      const lanes = new Set<number>()
      for (let run = 0; run < 100; run++) {
        const first = sample.values[run * 96]!
        const step = along === 'row' ? 1 : 30
        for (let element = 0; element < 96; element++)
          expect(sample.values[run * 96 + element]).toBe(first + element * step)
        const matrix = Math.floor(first / 30_000)
        const inside = first % 30_000
        const position = along === 'row' ? inside % 1000 : Math.floor(inside / 30)
        expect(position % 96).toBe(0)
        expect(position).toBeLessThanOrEqual(1000 - 96)
        offsets.add(position)
        lanes.add(matrix * 30 + (along === 'row' ? Math.floor(inside / 1000) : inside % 30))
      }
      expect(offsets.size).toBe(10)
      expect(lanes.size).toBeGreaterThan(40)
    },
  )

  test('channels are taken whole', () => {
    const view: MatrixView = { stack: 1, channels: 100, depth: 50, along: 'column' }
    const sample = sampleOf(new Float32Array(5000), view, [integerSpec(8, 'channel'), integerSpec(8, 16)], 500)
    expect(sample.view).toEqual({ stack: 1, channels: 10, depth: 50, along: 'row' })
  })
})
