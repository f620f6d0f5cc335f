import { expect, it } from 'vitest'
import { staticWeight } from '../../graph/placement/index.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { TensorRef } from '../../model/graph.ts'
import { RoundedWeights } from './rounded-weights.ts'

const kernels = createKernelsSync()
const VALUES = Float32Array.from({ length: 64 }, (_, i) => Math.fround(Math.sin(i * 1.7) * (1 + (i >> 4))))
const SHAPE = [4, 16]
const tensor: TensorRef = {
  name: '',
  dtype: 'f32',
  shape: SHAPE,
  storage: { kind: 'bytes', bytes: new Uint8Array(VALUES.buffer), byteLength: VALUES.byteLength },
}

const full = staticWeight(kernels, 'w', VALUES, SHAPE, 0).scales

it.each(['extreme', 'error'] as const)('gives the codes of %s scales with and without floors', (scale) => {
  const rounded = new RoundedWeights()
  for (const part of [0, 0.5, 0.7, 0.71, 0.99, 1, 1.5]) {
    const least = full.map((one, channel) => (channel === 2 ? one * part : 0))
    const options = { least, scale }
    expect(rounded.round(kernels, 'w', tensor, VALUES, SHAPE, 0, options).weight).toEqual(
      staticWeight(kernels, 'w', VALUES, SHAPE, 0, options),
    )
  }
})

it('rounds once for every name, scale and axis', () => {
  const rounded = new RoundedWeights()
  const first = rounded.round(kernels, 'w', tensor, VALUES, SHAPE, 0, { scale: 'error' })
  expect(rounded.round(kernels, 'w', tensor, VALUES, SHAPE, 0, { scale: 'error', least: new Float32Array(4) })).toBe(
    first,
  )
  expect(rounded.round(kernels, 'w', tensor, VALUES, SHAPE, null, { scale: 'error' }).weight.scales).toHaveLength(1)
  expect(rounded.round(kernels, 'v', tensor, VALUES, SHAPE, 0, { scale: 'error' }).weight.codes.name).toBe('v/codes')
})
