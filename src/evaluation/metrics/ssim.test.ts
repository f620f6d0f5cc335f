import { describe, expect, it } from 'vitest'
import { psnrMeter } from './psnr.ts'
import { ssimMeter } from './ssim.ts'

/** The definition, window by window: weighted means, variances and covariance around the means. */
function naive(a: readonly number[], b: readonly number[], height: number, width: number, peak: number): number {
  const weights: number[][] = []
  let total = 0
  for (let y = -5; y <= 5; y++) {
    weights.push([])
    for (let x = -5; x <= 5; x++) {
      const weight = Math.exp(-(x * x + y * y) / 4.5)
      weights[y + 5]!.push(weight)
      total += weight
    }
  }
  let sum = 0
  let count = 0
  for (let y = 5; y < height - 5; y++) {
    for (let x = 5; x < width - 5; x++) {
      const each = (f: (i: number, w: number) => number) => {
        let all = 0
        for (let dy = -5; dy <= 5; dy++)
          for (let dx = -5; dx <= 5; dx++) all += f((y + dy) * width + x + dx, weights[dy + 5]![dx + 5]! / total)
        return all
      }
      const [ma, mb] = [each((i, w) => w * a[i]!), each((i, w) => w * b[i]!)]
      const va = each((i, w) => w * (a[i]! - ma) ** 2)
      const vb = each((i, w) => w * (b[i]! - mb) ** 2)
      const both = each((i, w) => w * (a[i]! - ma) * (b[i]! - mb))
      const [c1, c2] = [(0.01 * peak) ** 2, (0.03 * peak) ** 2]
      sum += ((2 * ma * mb + c1) * (2 * both + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
      count++
    }
  }
  return sum / count
}

const picture = (height: number, width: number, seed: number) => {
  let at = seed
  return Array.from({ length: height * width }, (_, i) => {
    at = (at * 48271) % 2147483647
    return 120 + 60 * Math.sin(i / 7) + (40 * at) / 2147483647
  })
}

describe('structural similarity', () => {
  it.each([
    [11, 11],
    [13, 24],
    [30, 12],
  ])('%i x %i is what the definition says', (height, width) => {
    const a = picture(height, width, 3)
    const b = a.map((value, i) => value + 12 * Math.cos(i / 3))
    const meter = ssimMeter()
    meter.add(Float64Array.from(a), Float64Array.from(b), height, width, 255)
    expect(meter.mean()).toBeCloseTo(naive(a, b, height, width, 255), 10)
    expect(meter.mean()).toBeLessThan(0.99)
  })

  it('of constant pictures is in closed form: only the means are left', () => {
    const meter = ssimMeter()
    meter.add(new Float32Array(256).fill(100), new Float32Array(256).fill(120), 16, 16, 255)
    const c1 = 2.55 ** 2
    expect(meter.mean()).toBeCloseTo((2 * 100 * 120 + c1) / (100 ** 2 + 120 ** 2 + c1), 9)
  })

  it('is 1 for the same, a mean over planes, and remembers the worst', () => {
    const a = picture(16, 16, 1)
    const b = picture(16, 16, 77)
    const meter = ssimMeter()
    meter.add(Float64Array.from([...a, ...a]), Float64Array.from([...a, ...b]), 16, 16, 255)
    const other = naive(a, b, 16, 16, 255)
    expect(meter.mean()).toBeCloseTo((1 + other) / 2, 10)
    expect(meter.least()).toBeCloseTo(other, 10)
  })

  it('leaves out windows that are not finite, and pictures below a window', () => {
    const meter = ssimMeter()
    meter.add(new Float32Array(100), new Float32Array(100), 10, 10, 1)
    expect(meter.mean()).toBeNaN()
    const a = Float32Array.from(picture(12, 12, 5))
    const b = a.slice()
    b[0] = Number.NaN
    meter.add(a, b, 12, 12, 255)
    expect(meter.mean()).toBeCloseTo(1, 12)
  })
})

describe('peak signal to noise', () => {
  it('takes the peak that is given, else the range of float', () => {
    const meter = psnrMeter()
    meter.add(Float32Array.of(0, 100, 50, 50), Float32Array.of(1, 99, 51, 49))
    expect(meter.value(255)).toBeCloseTo(10 * Math.log10(255 ** 2), 9)
    expect(meter.value()).toBeCloseTo(40, 9)
  })
})
