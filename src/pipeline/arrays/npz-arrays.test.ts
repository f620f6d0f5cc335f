import { expect, it } from 'vitest'
import { dequantizeArray, quantizeArray } from '../../schemes/arrays/index.ts'
import { readQuantizedArrays, writeQuantizedArrays } from './npz-arrays.ts'

const values = Float32Array.from({ length: 96 }, (_, i) => Math.sin(i) * (1 + (i % 5)))

it('writes and reads arrays of any scheme, by name', async () => {
  const arrays = Object.fromEntries(
    [
      'int8-row',
      'int4-block32-asym-f16',
      'nf4-block32',
      'ternary-row',
      'e4m3fn-row-bf16',
      'nvfp4',
      'q4k',
      'product2x4',
      'f16',
    ].map((scheme) => [`a.${scheme}`, quantizeArray(values, { scheme, shape: [3, 32] })]),
  )
  const back = await readQuantizedArrays(writeQuantizedArrays(arrays))
  expect([...back.keys()]).toEqual(Object.keys(arrays))
  for (const [name, quantized] of back) {
    expect(quantized).toEqual(arrays[name])
    expect(dequantizeArray(quantized)).toEqual(dequantizeArray(arrays[name]!))
  }
})

it('refuses what is none', async () => {
  await expect(readQuantizedArrays(new Uint8Array(50))).rejects.toThrow()
  const bytes = writeQuantizedArrays({ x: quantizeArray(values, { bits: 4 }) })
  await expect(readQuantizedArrays(bytes.subarray(0, bytes.length - 30))).rejects.toThrow()
})
