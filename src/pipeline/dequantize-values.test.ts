import { describe, expect, it } from 'vitest'
import { floats, tensor } from '../../test/fixtures/graph-sketch.ts'
import { elementsOf } from '../../test/fixtures/lifted.ts'
import { randomFloats } from '../../test/fixtures/quantized-weight.ts'
import { memorySource } from '../bytes/memory.ts'
import {
  castTo,
  combined,
  dequantized,
  headOf,
  quantized,
  type Recipe,
  reshapedTo,
  stored,
  storedAs,
  taken,
  transposed,
} from '../graph/liftings/recipe.ts'
import type { DType } from '../model/dtype.ts'
import { encodeF16Array } from '../numbers/f16.ts'
import { schemeOf } from './dequantize-scheme.ts'
import { Decoding, decodedTensor } from './dequantize-tensors.ts'
import { allValues, openValues } from './dequantize-values.ts'

const numbers = (dtype: DType, shape: readonly number[], values: readonly number[]): Recipe => {
  const arrays = {
    u8: Uint8Array,
    i8: Int8Array,
    i16: Int16Array,
    u16: Uint16Array,
    i32: Int32Array,
    f32: Float32Array,
    f64: Float64Array,
  }
  const array = arrays[dtype as keyof typeof arrays]
  return stored(tensor('t', dtype, shape, new Uint8Array(array.from(values).buffer)))
}
const count = (length: number): number[] => Array.from({ length }, (_, index) => index)

/** Any window of a recipe equals that part of all its values. */
async function expectWindows(recipe: Recipe, wanted: readonly number[]): Promise<void> {
  expect([...(await allValues(recipe))]).toEqual(wanted.map(Math.fround))
  const values = await openValues(recipe)
  expect(values.count).toBe(wanted.length)
  for (const [start, end] of [
    [0, 1],
    [1, 4],
    [2, 6],
    [wanted.length - 2, wanted.length],
    [3, wanted.length - 1],
  ] as const) {
    const length = end - start
    const window = new Float32Array(length)
    values.fill(window, start)
    expect([...window], `${length} from ${start}`).toEqual(wanted.slice(start, end).map(Math.fround))
  }
}

describe('windows of every kind of recipe', () => {
  it('stored elements of every width', async () => {
    await expectWindows(numbers('i8', [6], [-128, -1, 0, 1, 2, 127]), [-128, -1, 0, 1, 2, 127])
    await expectWindows(numbers('u16', [6], [0, 1, 2, 3, 65535, 9]), [0, 1, 2, 3, 65535, 9])
    await expectWindows(numbers('i32', [6], [-5, 4, 3, 2, 1, 0]), [-5, 4, 3, 2, 1, 0])
    await expectWindows(numbers('f64', [6], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    const nibbles = stored(tensor('t', 'i4', [6], Uint8Array.from([0x98, 0xf7, 0x10])))
    await expectWindows(nibbles, [-8, -7, 7, -1, 0, 1])
    const pairs = storedAs(tensor('t', 'u8', [2], Uint8Array.from([0b11100100, 0b00011011])), 'u2', [8], 2)
    await expectWindows(pairs as Recipe, [0, 1, 2, 3, 3, 2, 1, 0])
    const small = stored(tensor('t', 'e2m1', [6], Uint8Array.from([0x10, 0x72, 0xf9])))
    await expectWindows(small, [0, 0.5, 1, 6, -0.5, -6])
    const halves = new Uint16Array(6)
    encodeF16Array(Float32Array.from([1, 2, 3, 0.5, 0.25, -1]), halves)
    await expectWindows(stored(tensor('t', 'f16', [6], new Uint8Array(halves.buffer))), [1, 2, 3, 0.5, 0.25, -1])
  })

  it('a large tensor of a source that fills buffers is read in windows', async () => {
    const bytes = new Uint8Array(Float32Array.from(count(12)).buffer)
    const source = {
      ...memorySource(bytes, 'm'),
      readInto: (target: Uint8Array, start: number) => target.set(bytes.subarray(start, start + target.length)),
    }
    const ref = {
      name: 't',
      dtype: 'f32' as const,
      shape: [12],
      storage: { kind: 'span' as const, source, start: 0, byteLength: 48 },
    }
    await expectWindows(stored(ref), count(12))
  })

  it('moves: reshape, heads of rows, transposes, entries by index', async () => {
    const matrix = numbers('f32', [3, 4], count(12))
    await expectWindows(reshapedTo(matrix, [2, 6]) as Recipe, count(12))
    await expectWindows(headOf(matrix, 1, 3), [0, 1, 2, 4, 5, 6, 8, 9, 10])
    await expectWindows(headOf(matrix, 0, 2), count(8))
    await expectWindows(transposed(matrix, [1, 0]), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    const cube = numbers('f32', [2, 2, 3], count(12))
    await expectWindows(transposed(cube, [0, 2, 1]), [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11])
    await expectWindows(transposed(cube, [2, 0, 1]), [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11])
    await expectWindows(taken(matrix, 1, numbers('i32', [3], [3, 0, -1])), [3, 0, 3, 7, 4, 7, 11, 8, 11])
    await expectWindows(taken(matrix, 0, numbers('i32', [2], [2, 0])), [8, 9, 10, 11, 0, 1, 2, 3])
  })

  it('a transpose of a transpose is the thing itself', () => {
    const cube = numbers('f32', [2, 2, 3], count(12))
    expect(transposed(transposed(cube, [2, 0, 1]), [1, 2, 0])).toBe(cube)
  })

  it('arithmetic broadcasts as NumPy does, rounded to its type at every step', async () => {
    const matrix = numbers('f32', [2, 3], [1, 2, 3, 4, 5, 6])
    await expectWindows(combined('mul', matrix, numbers('f32', [3], [1, 10, 100])) as Recipe, [1, 20, 300, 4, 50, 600])
    await expectWindows(combined('sub', matrix, numbers('f32', [2, 1], [1, 2])) as Recipe, [0, 1, 2, 2, 3, 4])
    await expectWindows(combined('div', numbers('f32', [1], [12]), matrix) as Recipe, [12, 6, 4, 3, 2.4, 2])
    const half = castTo(numbers('f32', [6], [1, 2, 3, 4, 5, 2049]), 'f16')
    await expectWindows(
      combined('add', half, castTo(numbers('f32', [1], [0.0001]), 'f16')) as Recipe,
      [1, 2, 3, 4, 5, 2048],
    )
    expect(combined('mul', matrix, numbers('f32', [2], [1, 2]))).toBeNull()
    expect(combined('mul', matrix, half)).toBeNull()
  })

  it('grids: one, along an axis, in blocks with a shorter last one; zeros of one element or many', async () => {
    const codes = numbers('u8', [2, 6], count(12))
    const grid = (shape: readonly number[], values: readonly number[]): Recipe => numbers('f32', shape, values)
    const at = (axis: number, block = 0) => ({ axis, block })
    await expectWindows(
      dequantized(codes, grid([], [0.5]), numbers('u8', [], [4]), at(1)) as Recipe,
      count(12).map((code) => (code - 4) * 0.5),
    )
    await expectWindows(
      dequantized(codes, grid([2], [1, 10]), numbers('u8', [2], [1, 2]), at(0)) as Recipe,
      count(12).map((code) => (code < 6 ? code - 1 : (code - 2) * 10)),
    )
    const columns = [1, 2, 3, 4, 5, 6]
    await expectWindows(
      dequantized(codes, grid([6], columns), 1, at(-1)) as Recipe,
      count(12).map((code) => (code - 1) * columns[code % 6]!),
    )
    await expectWindows(
      dequantized(codes, grid([2, 2], [1, 10, 100, 1000]), 0, at(1, 4)) as Recipe,
      count(12).map((code) => code * [1, 10, 100, 1000][Math.floor(code / 6) * 2 + Math.floor((code % 6) / 4)]!),
    )
    const tall = numbers('u8', [6, 2], count(12))
    await expectWindows(
      dequantized(tall, grid([2, 2], [1, 10, 100, 1000]), 0, at(0, 4)) as Recipe,
      count(12).map((code) => code * [1, 10, 100, 1000][Math.floor(code / 8) * 2 + (code % 2)]!),
    )
    expect(dequantized(codes, grid([5], [1, 2, 3, 4, 5]), 0, at(1))).toBeNull()
    expect(dequantized(codes, grid([2], [1, 2]), 0, at(1, 4))).toBeNull()
    expect(dequantized(codes, grid([2], [1, 2]), numbers('u8', [3], [1, 2, 3]), at(0))).toBeNull()
  })

  it('quantize rounds half to even and saturates', async () => {
    const values = numbers('f32', [6], [-1000, -0.75, -0.25, 0.25, 0.75, 1000])
    const codes = quantized(values, numbers('f32', [], [0.5]), numbers('i8', [], [3]), { axis: 0, block: 0 }, 'i8')
    await expectWindows(codes as Recipe, [-128, 1, 3, 3, 5, 127])
  })
})

describe('tensors that are decoded when they are read', () => {
  it('any bytes of f32, f16 and f64, also from the middle of an element', async () => {
    const values = randomFloats(40, 3)
    const recipe = stored(floats('w', [40], (index) => values[index]!))
    for (const dtype of ['f32', 'f16', 'f64'] as const) {
      const made = decodedTensor('w', castTo(recipe, dtype), new Decoding())
      const all = await elementsOf(made)
      expect(all.length).toBe(40 * { f32: 4, f16: 2, f64: 8 }[dtype])
      if (made.storage.kind !== 'span') throw new Error('a span was expected')
      expect(await made.storage.source.read(5, 33)).toEqual(all.slice(5, 33))
      await expect(made.storage.source.read(0, all.length + 1)).rejects.toMatchObject({ code: 'E_FORMAT' })
    }
  })

  it('one at a time: another tensor lets go of the first, which can be read again', async () => {
    const decoding = new Decoding()
    const [a, b] = ['a', 'b'].map((name, at) =>
      decodedTensor(name, stored(floats(name, [3], (index) => index + at)), decoding),
    )
    const first = await elementsOf(a!)
    expect(await elementsOf(b!)).not.toEqual(first)
    expect(await elementsOf(a!)).toEqual(first)
  })
})

describe('what a recipe undoes, in words', () => {
  const codes = (dtype: DType): Recipe => stored(tensor('c', dtype, [4, 32], new Uint8Array(128)))
  const grid = (shape: readonly number[]): Recipe => stored(floats('s', shape))

  it.each([
    ['int8-tensor-sym', dequantized(codes('i8'), grid([]), 0, { axis: 1, block: 0 })],
    ['int8-channel-asym', dequantized(codes('u8'), grid([4]), 0, { axis: 0, block: 0 })],
    ['int8-block16-sym', dequantized(codes('u8'), grid([4, 2]), 128, { axis: 1, block: 16 })],
    ['int4-channel-sym', dequantized(codes('u4'), grid([4, 1]), 8, { axis: 1, block: 64 })],
    ['e4m3fn-channel', dequantized(codes('e4m3fn'), grid([4]), 0, { axis: 0, block: 0 })],
    ['int8-channel-sym', combined('mul', castTo(codes('i8'), 'f32'), grid([4, 1]))],
    ['int8-block8-sym', combined('mul', reshapedTo(castTo(codes('i8'), 'f32'), [4, 4, 8]) as Recipe, grid([4, 4, 1]))],
    ['f16', castTo(codes('f16'), 'f32')],
  ])('%s', async (id, recipe) => {
    expect(await schemeOf(recipe as Recipe)).toBe(id)
  })
})
