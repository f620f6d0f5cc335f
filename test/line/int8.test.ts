import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import * as full from '../../src/index.ts'
import * as small from '../../src/int8.ts'

const ids = [
  'int8-tensor',
  'int8-row',
  'int8-column',
  'int8-block16-signed',
  'uint8-row',
  'uint8-tile2x4',
  'int8-channel-offset',
]
const numbers = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 24, maxLength: 24 })

it('gives the bytes of the full functions', () => {
  fc.assert(
    fc.property(numbers, fc.constantFrom(...ids), (values, scheme) => {
      const options = { scheme, shape: [2, 3, 4] }
      const quantized = small.quantizeArray(values, options)
      expect(quantized).toEqual(full.quantizeArray(values, options))
      expect(small.dequantizeArray(quantized)).toEqual(full.dequantizeArray(quantized))
    }),
  )
  expect(small.quantizeArray([1, 2, 4], { bits: 8 })).toEqual(full.quantizeArray([1, 2, 4], { bits: 8 }))
})

it('refuses what it leaves out', () => {
  expect(() => small.quantizeArray([1], { scheme: 'nf4-block64' })).toThrow(/expected a scheme/)
  expect(() => small.quantizeArray([1], { bits: 4 })).toThrow(/expected a scheme/)
})

it('is at most 6 kB of bundle, compressed', async () => {
  const contents = "export { dequantizeArray, quantizeArray } from './src/int8.ts'"
  const resolveDir = new URL('../..', import.meta.url).pathname
  const { outputFiles } = await build({
    stdin: { contents, resolveDir },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
  })
  expect(gzipSync(outputFiles[0]!.contents, { level: 9 }).length).toBeLessThanOrEqual(6000)
})
