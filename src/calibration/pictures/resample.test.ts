import { describe, expect, it } from 'vitest'
import { createKernelsSync, createReferenceKernels } from '../../kernels/index.ts'
import { RESAMPLES, type Resample, resizePixels } from './resample.ts'

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16))
const source = bytes('6a17018d98061b12f92c49b583e606d7b8bb784ac8630f1f0099c5821563be91fd2b98')

/** Pillow 13.0.0, `Image.resize`: five rows of seven bytes to 4 x 3 and to 6 x 9. */
const PILLOW: Readonly<Record<Exclude<Resample, 'nearest'>, readonly [string, string]>> = {
  lanczos: [
    '345a528990a34b619541968b',
    '7434001c92ac3d00151f9e84004aae8b7bb900beff8ba1a05c8dff365d81767170768fa25d261e2a1097c9977f0c3ea8bf9bff7f31a6',
  ],
  bilinear: [
    '43624e80829d546695508f88',
    '6a330d208d96470d1b288e7a2e5a9b857eb30b9cb7818b907788d52d667e766d80818dab5033333f2493a7978815498bb491e5884f98',
  ],
  bicubic: [
    '3b604a8387a34e6297489987',
    '722e001890a34100141ea1851550a78a80bf00b4df8898946a85ea2d67867b727a7b8cab5b2721311396b99e800e4497c096fc823b9e',
  ],
  box: [
    '4162117b849f393da43cc462',
    '6a1717018d9806061b12f9f92c49b58383e606d7d7b8bb784a4ac806d7d7b8bb784a4ac8630f0f1f0099c5c582156363be91fd2b2b98',
  ],
  hamming: [
    '3c6b2d86779f4c57994ea774',
    '6a250f098d973c0a1b19c5a12b4ead8f89d60abdc28d978c6d70d1238592878082777cb25d211e290b98b0b084155685bb91f7793d98',
  ],
}

describe('resizing', () => {
  it.each(Object.entries(PILLOW))('%s: the bytes of Pillow, smaller and larger', (name, [smaller, larger]) => {
    const picture = { height: 5, width: 7, channels: 1 as const, data: source }
    expect(resizePixels(picture, 4, 3, name as Resample).data).toEqual(bytes(smaller))
    expect(resizePixels(picture, 6, 9, name as Resample).data).toEqual(bytes(larger))
  })

  it.each(RESAMPLES)('%s: one colour stays, channels stay apart', (name) => {
    const data = new Uint8Array(3 * 30).map((_, i) => [10, 200, 255][i % 3]!)
    const resized = resizePixels({ height: 5, width: 6, channels: 3, data }, 7, 3, name)
    expect([resized.height, resized.width, resized.data.length]).toEqual([7, 3, 63])
    expect(resized.data.every((byte, i) => byte === [10, 200, 255][i % 3])).toBe(true)
  })

  it('nearest takes the pixel under the centre', () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6)
    expect([...resizePixels({ height: 1, width: 6, channels: 1, data }, 1, 3, 'nearest').data]).toEqual([2, 4, 6])
    expect([
      ...resizePixels({ height: 1, width: 3, channels: 1, data: data.slice(0, 3) }, 1, 6, 'nearest').data,
    ]).toEqual([1, 1, 2, 2, 3, 3])
  })

  it.each([
    ['smaller', 20, 17, undefined],
    ['much smaller', 5, 6, undefined],
    ['larger', 50, 70, undefined],
    ['of another width', 37, 20, undefined],
    ['of another height', 20, 41, undefined],
    ['the middle', 30, 33, { top: 4, left: 5, height: 20, width: 21 }],
    ['the middle of another width', 37, 33, { top: 4, left: 5, height: 20, width: 21 }],
    ['the middle of another height', 20, 41, { top: 4, left: 5, height: 11, width: 21 }],
  ] as const)('kernels and plain loops give the same bytes: %s', (_, height, width, part) => {
    const pixels = { height: 37, width: 41, channels: 3 as const, data: new Uint8Array(37 * 41 * 3) }
    pixels.data.forEach((__, i) => {
      pixels.data[i] = (i * 2654435761) >>> 13
    })
    for (const name of RESAMPLES) {
      const plain = resizePixels(pixels, height, width, name, part)
      for (const kernels of [createKernelsSync(), createReferenceKernels()])
        expect(resizePixels(pixels, height, width, name, part, kernels)).toEqual(plain)
    }
  })
})
