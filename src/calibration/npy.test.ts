import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { memorySource } from '../bytes/memory.ts'
import type { DType } from '../model/dtype.ts'
import type { Value } from '../model/runtime.ts'
import { floatsOf, integersOf } from './convert.ts'
import { openNpy, readNpy, writeNpy } from './npy.ts'
import { parseNpyHeader } from './npy-header.ts'

interface Golden {
  readonly arrays: readonly {
    readonly name: string
    readonly dtype: DType
    readonly shape: number[]
    readonly values: readonly (number | string)[]
    readonly hex: string
  }[]
  readonly refused: { readonly record: string; readonly object: string }
}
const golden = JSON.parse(
  readFileSync(new URL('../../test/golden/numpy-arrays.json', import.meta.url), 'utf8'),
) as Golden
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
const sourceOf = (bytes: Uint8Array) => memorySource(bytes, 'x.npy')

function plain(value: Value): readonly (number | string)[] {
  if (!(value.data instanceof Uint8Array)) return value.data
  return /^f/.test(value.dtype) ? [...floatsOf(value)] : Array.from(integersOf(value) as ArrayLike<number>, Number)
}

describe('.npy as NumPy writes it', () => {
  it.each(golden.arrays)('$name', async ({ dtype, shape, values, hex }) => {
    const value = await readNpy(sourceOf(bytesOf(hex)))
    expect([value.dtype, value.shape]).toEqual([dtype, shape])
    expect(plain(value)).toEqual(values)
  })

  it.each(golden.arrays.filter(({ shape }) => shape.length >= 2 && shape[0] === 2))('rows of $name', async (entry) => {
    const array = await openNpy(sourceOf(bytesOf(entry.hex)))
    const row = await array.rows(1, 2)
    expect(row.shape).toEqual([1, ...entry.shape.slice(1)])
    expect(plain(row)).toEqual(entry.values.slice(entry.values.length / 2))
  })

  it.each(golden.arrays.filter(({ name }) => /^(float|int|uint|bool|scalar|empty|vector|unicode)/.test(name)))(
    'is written byte for byte: $name',
    async ({ hex }) => {
      const bytes = bytesOf(hex)
      expect(Buffer.from(writeNpy(await readNpy(sourceOf(bytes)))).toString('hex')).toBe(hex)
    },
  )
})

describe('.npy that is not right', () => {
  const good = bytesOf(golden.arrays[0]!.hex)

  it('cut anywhere is E_FORMAT', async () => {
    for (let end = 0; end < good.length; end += 1) {
      await expect(readNpy(sourceOf(good.subarray(0, end)))).rejects.toMatchObject({ code: 'E_FORMAT' })
    }
  })

  it('is never unpickled, and records are not samples', async () => {
    await expect(readNpy(sourceOf(bytesOf(golden.refused.object)))).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
      hint: expect.stringContaining('pickles'),
    })
    await expect(readNpy(sourceOf(bytesOf(golden.refused.record)))).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  })

  it('that claims more than the file has, or a header without end, is refused before anything is allocated', async () => {
    const text = Buffer.from(good).toString('latin1').replace('(2, 3)', '(2e9,3)'.slice(0, 6))
    await expect(readNpy(sourceOf(Buffer.from(text, 'latin1')))).rejects.toMatchObject({ code: 'E_FORMAT' })
    const large = Buffer.from(Buffer.from(good).toString('latin1').replace('(2, 3), }  ', '(900, 900)}'), 'latin1')
    await expect(readNpy(sourceOf(large))).rejects.toThrow('needs 3240000 bytes, found 24')
    const long = Uint8Array.from([...good.subarray(0, 6), 2, 0, 255, 255, 255, 127])
    await expect(readNpy(sourceOf(long))).rejects.toMatchObject({ code: 'E_LIMIT' })
  })

  const header = (descr: string, shape = '(2,)') => `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`
  it('has a header that is checked', () => {
    expect(() => parseNpyHeader('{}', 'x')).toThrow("'descr'")
    expect(() => parseNpyHeader(header('<f4').replace('False', 'Maybe'), 'x')).toThrow('fortran_order')
    expect(() => parseNpyHeader(header('<f4', '(2, -1)'), 'x')).toThrow('whole numbers')
    expect(() => parseNpyHeader(header('<f4', '(2, x)'), 'x')).toThrow('whole numbers')
    expect(() => parseNpyHeader(header('<f4', `(${'1,'.repeat(65)})`), 'x')).toThrow('whole numbers')
    expect(() => parseNpyHeader(header('<V2'), 'x')).toThrow("'<V2'")
    expect(() => parseNpyHeader(header('<U999999999'), 'x')).toThrow('at most')
    expect(parseNpyHeader(header('<f4', '(10L, 3L)'), 'x').shape).toEqual([10, 3])
    expect(parseNpyHeader(header('|?'), 'x').dtype).toBe('bool')
  })

  it('has no name for our other types', () => {
    expect(() => writeNpy({ dtype: 'bf16', shape: [1], data: new Uint8Array(2) })).toThrow('bf16')
  })
})
