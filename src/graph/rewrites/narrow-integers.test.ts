import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { buildModel, f32, graph, i64, node, tensor, value } from '../../../test/fixtures/build.ts'
import { runOnnx } from '../../../test/fixtures/run-onnx.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import { narrowIntegers } from './narrow-integers.ts'

const read = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error(`${ref.name} is ${ref.storage.kind}`)
  return ref.storage.bytes
}

const ROWS = 500
const TABLE = Float32Array.from({ length: 2 * ROWS }, (_, index) => index / 4)
const cycle = (length: number, step: number, modulus: number, from = 0): number[] =>
  Array.from({ length }, (_, index) => from + ((index * step) % modulus))

/** y = table[indices] + x, the table of `rows` rows. */
const gathering = (indices: TensorRef, table = TABLE): Model =>
  buildModel({
    inputs: [value('x', 'f32', [1])],
    outputs: [value('y', 'f32', [...indices.shape, 2])],
    initializers: [f32('table', [table.length / 2, 2], table), indices],
    values: [value('ids', 'i64', indices.shape)],
    nodes: [node('Gather', ['table', 'ids'], ['rows']), node('Add', ['rows', 'x'], ['y'])],
  })

async function expectSame(before: Model, after: Model, feeds: Record<string, ort.Tensor>): Promise<void> {
  for (const optimized of [true, false]) {
    const [a, b] = [await runOnnx(before, feeds, optimized), await runOnnx(after, feeds, optimized)]
    expect(Object.keys(b)).toEqual(Object.keys(a))
    for (const name of Object.keys(a)) expect(b[name]!.data).toEqual(a[name]!.data)
  }
}
const X = { x: new ort.Tensor('float32', [0.5], [1]) }

describe('types', () => {
  test.each([
    ['u8', cycle(100, 7, 256)],
    ['i8', cycle(100, 7, 100, -100)],
    ['u16', cycle(100, 7, 500)],
    ['i16', cycle(100, 7, 500, -500)],
  ])('%s where all values fit, and the same results', async (dtype, ids) => {
    const before = gathering(i64('ids', [4, 25], ids))
    const { model, done, bytesSaved } = await narrowIntegers(before, read)
    expect(model.graph.initializers.map((one) => [one.name, one.dtype])).toContainEqual(['ids/narrow', dtype])
    expect(model.graph.initializers.some(({ name }) => name === 'ids')).toBe(false)
    expect(done.map(({ node: named }) => named)).toEqual(['ids'])
    const width = dtype.endsWith('8') ? 1 : 2
    expect(bytesSaved).toBe(100 * (8 - width) - 64 - 12)
    await expectSame(before, model, X)
  })

  test('32 bits without a Cast, where the reader takes them', async () => {
    const table = new Float32Array(2 * 70_000).map((_, index) => index)
    const before = gathering(i64('ids', [200], cycle(200, 331, 70_000, 0).with(3, 69_999)), table)
    const { model } = await narrowIntegers(before, read)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Gather', 'Add'])
    expect(model.graph.initializers.find(({ name }) => name === 'ids')?.dtype).toBe('i32')
    expect(model.graph.values).toEqual([value('ids', 'i32', [200])])
    await expectSame(before, model, X)
  })

  test('ScatterND behind a Cast, i32 tables too', async () => {
    const before = buildModel({
      inputs: [value('x', 'f32', [50])],
      outputs: [value('y', 'f32', [50]), value('z', 'i32', [200])],
      initializers: [
        i64('at', [60, 1], cycle(60, 7, 61)),
        f32('zeros', [61], new Float32Array(61)),
        tensor('ints', 'i32', [200], new Uint8Array(Int32Array.from(cycle(200, 3, 90, -7)).buffer)),
        f32('first', [60], new Float32Array(60).fill(2)),
      ],
      nodes: [
        node('ScatterND', ['zeros', 'at', 'first'], ['sc']),
        node('ReduceMax', ['sc'], ['most'], { keepdims: 0 }),
        node('Mul', ['x', 'most'], ['y']),
        node('Abs', ['ints'], ['z']),
      ],
    })
    const { model, bytesSaved } = await narrowIntegers(before, read)
    expect(model.graph.nodes.filter(({ op }) => op === 'Cast').map(({ outputs }) => outputs[0])).toEqual(['at', 'ints'])
    expect(bytesSaved).toBe(60 * 7 - 64 - 8 + 200 * 3 - 64 - 16)
    await expectSame(before, model, { x: new ort.Tensor('float32', new Float32Array(50).fill(3), [50]) })
  })
})

describe('what stays', () => {
  test('short tables, wide values, what the graph takes or gives', async () => {
    for (const before of [
      gathering(i64('ids', [40], cycle(40, 7, 256))),
      buildModel({
        inputs: [value('a', 'i64', [1])],
        outputs: [value('b', 'i64', [100]), value('given', 'i64', [100])],
        initializers: [
          i64('wide', [100], cycle(100, 1, 100).with(5, 2 ** 40)),
          i64('given', [100], cycle(100, 1, 100)),
        ],
        nodes: [node('Add', ['wide', 'a'], ['b'])],
      }),
    ]) {
      const { model, bytesSaved } = await narrowIntegers(before, read)
      expect(model).toBe(before)
      expect(bytesSaved).toBe(0)
    }
  })

  test('what runtimes want to see while they load', async () => {
    const before = buildModel({
      inputs: [value('x', 'f32', [1])],
      outputs: [value('y')],
      initializers: [i64('repeats', [100], cycle(100, 0, 1, 1))],
      nodes: [node('Expand', ['x', 'repeats'], ['y'])],
    })
    const { model, left } = await narrowIntegers(before, read)
    expect(model).toBe(before)
    expect(left[0]?.text).toBe('i64 [100]: Expand wants it as it is')
  })
})

test('Constant nodes, bodies that capture, and functions', async () => {
  const ids = i64('', [100], cycle(100, 7, 256))
  const before = buildModel({
    inputs: [value('x', 'f32', [1]), value('flag', 'bool', [])],
    outputs: [value('y', 'f32', [100, 2]), value('z', 'f32', [100, 2])],
    domains: { own: 1 },
    initializers: [f32('table', [ROWS, 2], TABLE)],
    nodes: [
      node('Constant', [], ['outer'], { value: ids }),
      node('If', ['flag'], ['picked'], {
        then_branch: graph({
          outputs: [value('a', 'f32', [100, 2])],
          initializers: [i64('inner', [100], cycle(100, 3, 200, -100))],
          nodes: [node('Gather', ['table', 'inner'], ['a'])],
        }),
        else_branch: graph({
          outputs: [value('b', 'f32', [100, 2])],
          nodes: [node('Gather', ['table', 'outer'], ['b'])],
        }),
      }),
      node('Add', ['picked', 'x'], ['y']),
      node('Pick', ['table'], ['z'], {}, { domain: 'own' }),
    ],
    functions: [
      {
        domain: 'own',
        name: 'Pick',
        inputs: ['from'],
        outputs: ['to'],
        opsets: [{ domain: '', version: 17 }],
        nodes: [node('Constant', [], ['k'], { value: ids }), node('Gather', ['from', 'k'], ['to'])],
      },
    ],
  })
  const { model, done } = await narrowIntegers(before, read)
  expect(done.map(({ node: named, scope }) => [named, scope.length])).toEqual([
    ['outer', 0],
    ['inner', 2],
    ['k', 2],
  ])
  for (const flag of [true, false]) {
    await expectSame(before, model, { ...X, flag: new ort.Tensor('bool', [flag], []) })
  }
})
