import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { body, bytesOf, floats, int64s, op, sketch, tensor } from '../../test/fixtures/graph-sketch.ts'
import type { TensorRef } from '../model/graph.ts'
import type { SharedGroup, WeightFacts } from '../model/inventory.ts'
import { constantsOf } from './constants.ts'
import { findShared } from './sharing.ts'

const noise = (seed: number) => (index: number) => ((index + 1) * 7919 * (seed + 3)) % 10007
const facts = (initializers: readonly TensorRef[]): Promise<readonly WeightFacts[]> =>
  constantsOf(sketch({ outputs: '', nodes: [], initializers }), bytesOf)
const readRange = (ref: TensorRef, start: number, end: number): Uint8Array => bytesOf(ref).subarray(start, end)
const names = (groups: readonly SharedGroup[]): string[] =>
  groups.map((group) => group.names.map(({ name, transposed }) => (transposed ? `${name}^T` : name)).join(' '))

function transposed(name: string, source: TensorRef): TensorRef {
  const [rows = 0, columns = 0] = source.shape
  const bytes = bytesOf(source)
  const width = bytes.byteLength / (rows * columns)
  const result = new Uint8Array(bytes.byteLength)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * width
      result.set(bytes.subarray(from, from + width), (column * rows + row) * width)
    }
  }
  return tensor(name, source.dtype, [columns, rows], result)
}

async function groupsOf(...initializers: TensorRef[]): Promise<string[]> {
  return names(await findShared(await facts(initializers), readRange))
}

describe('findShared', () => {
  it('groups equal constants of one type and shape', async () => {
    const a = floats('a', [8, 8], noise(1))
    const other = floats('o', [8, 8], noise(2))
    expect(await groupsOf(a, other, { ...a, name: 'b' }, { ...a, name: 'c' })).toEqual(['a b c'])
    expect(await groupsOf(a, { ...a, name: 'b', shape: [64] }, { ...a, name: 'c', dtype: 'i32' })).toEqual([])
    expect(await groupsOf(int64s('k', [...Array(9).keys()]), int64s('l', [...Array(9).keys()]))).toEqual(['k l'])
  })

  it('is not fooled by one differing element anywhere', async () => {
    const a = floats('a', [40, 50], noise(1))
    for (const at of [0, 700, 1000, 1999]) {
      const near = floats('b', [40, 50], (index) => noise(1)(index) + (index === at ? 1 : 0))
      expect(await groupsOf(a, near)).toEqual([])
      expect(await groupsOf(a, near, { ...near, name: 'c' }, { ...a, name: 'd' })).toEqual(['a d', 'b c'])
      expect(await groupsOf(a, transposed('t', near))).toEqual([])
    }
  })

  it('finds transposes in 4 and 2 byte elements, with all members of both', async () => {
    const a = floats('a', [12, 30], noise(1))
    const t = transposed('t', a)
    expect(await groupsOf(a, { ...a, name: 'b' }, t, { ...t, name: 'u' })).toEqual(['a b t^T u^T'])
    expect(await groupsOf(t, a)).toEqual(['t a^T'])
    const half = tensor('h', 'f16', [12, 60], bytesOf(a))
    expect(await groupsOf(half, transposed('g', half))).toEqual(['h g^T'])
    const coded = tensor('h', 'i16', [12, 60], bytesOf(a))
    expect(await groupsOf(coded, transposed('g', coded))).toEqual([])
  })

  it('finds transposes of square matrices among many, and leaves symmetric ones equal', async () => {
    const many = Array.from({ length: 6 }, (_, seed) => floats(`m${seed}`, [16, 16], noise(seed)))
    expect(await groupsOf(...many, transposed('t', many[4]!))).toEqual(['m4 t^T'])
    const symmetric = floats('s', [16, 16], (index) => Math.floor(index / 16) + (index % 16))
    expect(await groupsOf(symmetric, transposed('t', symmetric))).toEqual(['s t'])
  })

  it('reads nothing that has no candidate, and little of what differs', async () => {
    let read = 0
    const counting = (ref: TensorRef, start: number, end: number): Uint8Array => {
      read += end - start
      return readRange(ref, start, end)
    }
    await findShared(await facts([floats('a', [100, 100]), floats('b', [100, 101]), floats('c', [50])]), counting)
    expect(read).toBe(0)
    await findShared(await facts([floats('a', [100, 100], noise(1)), floats('b', [100, 100], noise(2))]), counting)
    expect(read).toBeLessThan(2_000)
  })

  it('leaves tiny constants out unless asked, and never reads strings or sparse ones', async () => {
    const small = [floats('a', [2]), floats('b', [2])]
    expect(await groupsOf(...small)).toEqual([])
    expect(names(await findShared(await facts(small), readRange, 1))).toEqual(['a b'])
    const strings = ['a', 'b'].map(
      (name): TensorRef => ({ name, dtype: 'string', shape: [99], storage: { kind: 'opaque', byteLength: 990 } }),
    )
    expect(await groupsOf(...strings)).toEqual([])
  })

  it('knows scopes of members', async () => {
    const a = floats('a', [8, 8], noise(1))
    const branch = { ...body({ outputs: 'b', nodes: [] }), initializers: [{ ...a, name: 'b' }] }
    const model = sketch({
      inputs: 'c',
      outputs: 'y',
      nodes: [op('If', 'c', 'y', { name: 'if', then_branch: branch })],
      initializers: [a],
    })
    const [group] = await findShared(await constantsOf(model, bytesOf), readRange)
    expect(group!.names.map(({ scope }) => scope)).toEqual([[], ['if', 'then_branch']])
  })

  it('compares more than one tile', async () => {
    const large = (name: string, at: number) => floats(name, [700, 600], (index) => (index === at ? -1 : index))
    expect(await groupsOf(large('a', 1), large('b', 1), large('c', 1), large('d', 419_000))).toEqual(['a b c'])
    expect(await groupsOf(large('a', 1), transposed('t', large('b', 1)), transposed('u', large('d', 419_000)))).toEqual(
      ['a t^T'],
    )
  })

  it('gives the same partition as comparing all pairs', async () => {
    const tensors = fc.array(fc.array(fc.constantFrom(0, 1), { minLength: 4, maxLength: 4 }), {
      minLength: 1,
      maxLength: 7,
    })
    await fc.assert(
      fc.asyncProperty(tensors, async (lists) => {
        const all = await facts(lists.map((list, index) => floats(`t${index}`, [4], (at) => list[at]!)))
        const found = await findShared(all, readRange, 1)
        const expected = new Map<string, string[]>()
        for (const [index, list] of lists.entries())
          expected.set(list.join(), [...(expected.get(list.join()) ?? []), `t${index}`])
        expect(names(found)).toEqual(
          [...expected.values()].filter((group) => group.length > 1).map((group) => group.join(' ')),
        )
      }),
    )
  })
})
