import { describe, expect, it } from 'vitest'
import type { Bytes } from '../../../test/fixtures/wire.ts'
import { bytes, fixed32, fixed64, float32, float64, int, tensorFile, varint } from '../../../test/fixtures/wire.ts'
import { memorySource } from '../../bytes/memory.ts'
import type { DType } from '../../model/dtype.ts'
import type { TensorRef } from '../../model/graph.ts'
import { read } from './read.ts'
import { readTensor, readTensorRange } from './read-tensor.ts'

async function tensorOf(shape: readonly number[], code: number, ...data: readonly Bytes[]): Promise<TensorRef> {
  const file = tensorFile(...shape.map((dimension) => int(1, dimension)), int(2, code), ...data)
  return (await read(memorySource(file))).graph.initializers[0] as TensorRef
}

const packed = (field: number, ...values: readonly (number | bigint)[]): Bytes =>
  bytes(
    field,
    values.flatMap((value) => varint(value)),
  )
const le = (array: ArrayBufferView): number[] => [...new Uint8Array(array.buffer)]

const cases: readonly [DType, number, Bytes, readonly number[]][] = [
  ['f32', 1, bytes(4, float32(1.5, -2)), le(Float32Array.of(1.5, -2))],
  ['u8', 2, packed(5, 0, 255), [0, 255]],
  ['i8', 3, packed(5, -128, 127), [128, 127]],
  ['u16', 4, packed(5, 1, 65535), le(Uint16Array.of(1, 65535))],
  ['i16', 5, packed(5, -2, 32767), le(Int16Array.of(-2, 32767))],
  ['i32', 6, packed(5, -(2 ** 31), 7), le(Int32Array.of(-(2 ** 31), 7))],
  ['i64', 7, packed(7, -(2n ** 63n), 2n ** 62n), le(BigInt64Array.of(-(2n ** 63n), 2n ** 62n))],
  ['bool', 9, packed(5, 0, 1), [0, 1]],
  ['f16', 10, packed(5, 0x3c00, 0xc000), le(Uint16Array.of(0x3c00, 0xc000))],
  ['f64', 11, bytes(10, float64(Math.PI, -0)), le(Float64Array.of(Math.PI, -0))],
  ['u32', 12, packed(11, 2 ** 32 - 1, 3), le(Uint32Array.of(2 ** 32 - 1, 3))],
  ['u64', 13, packed(11, 2n ** 64n - 1n, 3), le(BigUint64Array.of(2n ** 64n - 1n, 3n))],
  ['c64', 14, bytes(4, float32(1, 2, 3, 4)), le(Float32Array.of(1, 2, 3, 4))],
  ['c128', 15, bytes(10, float64(1, 2, 3, 4)), le(Float64Array.of(1, 2, 3, 4))],
  ['bf16', 16, packed(5, 0x3f80, 0xffff), le(Uint16Array.of(0x3f80, 0xffff))],
  ['e4m3fn', 17, packed(5, 1, 255), [1, 255]],
  ['e4m3fnuz', 18, packed(5, 1, 255), [1, 255]],
  ['e5m2', 19, packed(5, 1, 255), [1, 255]],
  ['e5m2fnuz', 20, packed(5, 1, 255), [1, 255]],
  ['e8m0', 24, packed(5, 1, 255), [1, 255]],
]

describe('elements in typed fields', () => {
  it.each(cases)('%s', async (dtype, code, data, expected) => {
    const tensor = await tensorOf([2], code, data)
    expect(tensor).toMatchObject({ dtype, shape: [2], storage: { byteLength: expected.length } })
    expect([...(await readTensor(tensor))]).toEqual(expected)
    expect([...(await readTensorRange(tensor, 1, 2))]).toEqual(expected.slice(1, 2))
  })

  it.each([
    ['u4', 21, [0x21, 0x03]],
    ['i4', 22, [0xf8, 0x07]],
    ['e2m1', 23, [0x0f, 0x01]],
    ['u2', 25, [0xe4]],
    ['i2', 26, [0x1b]],
  ])('%s: several to an entry, the last one padded', async (dtype, code, expected) => {
    const tensor = await tensorOf([3], code, packed(5, ...expected))
    expect(tensor.dtype).toBe(dtype)
    expect([...(await readTensor(tensor))]).toEqual(expected)
  })

  it('one by one, mixed with packed ones', async () => {
    const floats = await tensorOf([4], 1, fixed32(4, float32(1)), bytes(4, float32(2, 3)), fixed32(4, float32(4)))
    expect([...(await readTensor(floats))]).toEqual(le(Float32Array.of(1, 2, 3, 4)))
    const doubles = await tensorOf([1], 11, fixed64(10, float64(5)))
    expect([...(await readTensor(doubles))]).toEqual(le(Float64Array.of(5)))
    const ints = await tensorOf([3], 7, int(7, 1), packed(7, 2), int(7, -3))
    expect([...(await readTensor(ints))]).toEqual(le(BigInt64Array.of(1n, 2n, -3n)))
  })

  it('large ones stay in the file: floats as they are, numbers to be decoded', async () => {
    const floats = await tensorOf([1000], 1, bytes(4, float32(...new Array(1000).fill(3))))
    expect(floats.storage.kind).toBe('span')
    const numbers = await tensorOf([3000], 6, packed(5, ...new Array(3000).fill(1)))
    expect(numbers.storage.kind).toBe('field')
    expect((await readTensor(numbers)).filter((byte) => byte === 1)).toHaveLength(3000)
  })

  it('raw data goes before them', async () => {
    const tensor = await tensorOf([1], 1, bytes(4, float32(5)), bytes(9, float32(6)))
    expect([...(await readTensor(tensor))]).toEqual(float32(6))
  })

  it('empty raw data beside them counts for nothing', async () => {
    expect([...(await readTensor(await tensorOf([1], 1, bytes(9, []), bytes(4, float32(5)))))]).toEqual(float32(5))
  })

  it('strings have no plain elements', async () => {
    const tensor = await tensorOf([1], 8, bytes(6, [97]))
    expect(tensor.storage.kind).toBe('opaque')
    await expect(readTensor(tensor)).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  })

  it('ranges outside the tensor are refused', async () => {
    const tensor = await tensorOf([1], 1, bytes(9, float32(6)))
    await expect(readTensorRange(tensor, 0, 5)).rejects.toMatchObject({ code: 'E_FORMAT' })
    await expect(readTensorRange(tensor, -1, 2)).rejects.toMatchObject({ code: 'E_FORMAT' })
  })
})
