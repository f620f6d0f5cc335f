import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, it } from 'vitest'
import { asRead, buildModel, encodeModel, f32, graph, i64, node, tensor, value } from '../../../test/fixtures/build.ts'
import { memorySource } from '../../bytes/memory.ts'
import type { Attribute, Graph, Model, Node } from '../../model/graph.ts'
import { read } from './read.ts'

// An independent reader and writer over the same field numbers (test/golden/onnx.proto).

const schema = readFileSync(new URL('../../../test/golden/onnx.proto', import.meta.url), 'utf8')
const ModelProto = protobuf.parse(schema).root.lookupType('onnx.ModelProto')

type Json = Record<string, unknown>
const decodeTheirs = (file: Uint8Array): Json =>
  ModelProto.toObject(ModelProto.decode(file), { longs: String, bytes: String }) as Json

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64')

function sample(): Model {
  const body = graph({
    name: 'body',
    nodes: [node('Identity', ['x'], ['z'], {}, { name: 'inner' })],
    outputs: [value('z', 'f32')],
  })
  return {
    ...buildModel({
      name: 'main',
      opset: 21,
      domains: { 'com.microsoft': 1 },
      metadata: { author: 'é', empty: '' },
      inputs: [value('x', 'f32', ['batch', 3, null]), value('any')],
      outputs: [value('y', 'i64', [])],
      values: [value('h', 'f16')],
      initializers: [
        f32('w', [2, 2], [1, -0, 3.5, 1e-40]),
        i64('k', [2], [-1, 2n ** 62n]),
        tensor('q', 'u4', [3], Uint8Array.of(0x21, 0x03)),
      ],
      nodes: [
        node(
          'Conv',
          ['x', 'w', ''],
          ['h'],
          { auto_pad: 'SAME', strides: [1, 2], alpha: { float: Math.fround(0.1) }, group: 1, big: -(2n ** 63n) },
          { name: 'conv' },
        ),
        node('If', ['c'], ['y'], { then_branch: body, else_branch: body }),
        node(
          'Custom',
          [],
          ['t'],
          { value: f32('', [1], [7]), names: { strings: ['a', 'b'] }, scales: { floats: [0.5, 2] } },
          { domain: 'com.microsoft' },
        ),
      ],
      functions: [
        {
          domain: 'local',
          name: 'F',
          inputs: ['a'],
          outputs: ['b'],
          nodes: [node('Relu', ['a'], ['b'])],
          opsets: [{ domain: '', version: 21 }],
        },
      ],
    }),
    label: 'sample',
  }
}

describe('what we write, protobufjs reads', () => {
  it('field by field', async () => {
    const theirs = decodeTheirs(await encodeModel(sample()))
    const bodyJson = {
      name: 'body',
      node: [{ input: ['x'], output: ['z'], name: 'inner', opType: 'Identity' }],
      output: [{ name: 'z', type: { tensorType: { elemType: 1 } } }],
    }
    expect(theirs).toEqual({
      irVersion: '8',
      producerName: 'test',
      opsetImport: [{ version: '21' }, { domain: 'com.microsoft', version: '1' }],
      metadataProps: [{ key: 'author', value: 'é' }, { key: 'empty' }],
      graph: {
        name: 'main',
        input: [
          {
            name: 'x',
            type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'batch' }, { dimValue: '3' }, {}] } } },
          },
          { name: 'any' },
        ],
        output: [{ name: 'y', type: { tensorType: { elemType: 7, shape: {} } } }],
        valueInfo: [{ name: 'h', type: { tensorType: { elemType: 10 } } }],
        initializer: [
          {
            name: 'w',
            dims: ['2', '2'],
            dataType: 1,
            rawData: base64(new Uint8Array(Float32Array.of(1, -0, 3.5, 1e-40).buffer)),
          },
          {
            name: 'k',
            dims: ['2'],
            dataType: 7,
            rawData: base64(new Uint8Array(BigInt64Array.of(-1n, 2n ** 62n).buffer)),
          },
          { name: 'q', dims: ['3'], dataType: 21, rawData: base64(Uint8Array.of(0x21, 0x03)) },
        ],
        node: [
          {
            input: ['x', 'w', ''],
            output: ['h'],
            name: 'conv',
            opType: 'Conv',
            attribute: [
              { name: 'auto_pad', s: base64('SAME'), type: 3 },
              { name: 'strides', ints: ['1', '2'], type: 7 },
              { name: 'alpha', f: Math.fround(0.1), type: 1 },
              { name: 'group', i: '1', type: 2 },
              { name: 'big', i: '-9223372036854775808', type: 2 },
            ],
          },
          {
            input: ['c'],
            output: ['y'],
            opType: 'If',
            attribute: [
              { name: 'then_branch', g: bodyJson, type: 5 },
              { name: 'else_branch', g: bodyJson, type: 5 },
            ],
          },
          {
            output: ['t'],
            opType: 'Custom',
            domain: 'com.microsoft',
            attribute: [
              {
                name: 'value',
                t: { dims: ['1'], dataType: 1, rawData: base64(new Uint8Array(Float32Array.of(7).buffer)) },
                type: 4,
              },
              { name: 'names', strings: [base64('a'), base64('b')], type: 8 },
              { name: 'scales', floats: [0.5, 2], type: 6 },
            ],
          },
        ],
      },
      functions: [
        {
          name: 'F',
          domain: 'local',
          input: ['a'],
          output: ['b'],
          opsetImport: [{ version: '21' }],
          node: [{ input: ['a'], output: ['b'], opType: 'Relu' }],
        },
      ],
    })
  })

  it('and one renamed node is the one difference it sees', async () => {
    const before = await asRead(sample())
    const nodes = before.graph.nodes.map((each) => (each.name === 'conv' ? { ...each, name: 'renamed' } : each))
    const file = await encodeModel({ ...before, graph: { ...before.graph, nodes } })
    const expected = structuredClone(decodeTheirs(await encodeModel(sample()))) as {
      graph: { node: { name: string }[] }
    }
    const [first] = expected.graph.node
    if (first) first.name = 'renamed'
    expect(decodeTheirs(file)).toEqual(expected)
  })
})

describe('what protobufjs writes, we read', () => {
  it('into the same nouns', async () => {
    const file = ModelProto.encode(ModelProto.fromObject(decodeTheirs(await encodeModel(sample())))).finish()
    const ours = await read(memorySource(file, 'theirs'))
    expect(plain(ours)).toEqual(plain(sample()))
    expect(Buffer.compare(await encodeModel(ours), file)).toBe(0)
  })

  it('for any model', async () => {
    await fc.assert(
      fc.asyncProperty(anyModel, async (built) => {
        const ours = await encodeModel(built)
        const theirs = ModelProto.encode(ModelProto.decode(ours)).finish()
        const readAgain = await read(memorySource(theirs, 'theirs'))
        expect(plain(readAgain)).toEqual(plain(built))
        expect(Buffer.compare(await encodeModel(readAgain), theirs)).toBe(0)
        expect(Buffer.compare(await encodeModel(await read(memorySource(ours, 'ours'))), ours)).toBe(0)
      }),
      { numRuns: 150, seed: 20261123 },
    )
  })
})

/** A model as data: without carriers and labels, small tensors as their bytes. */
function plain(model: Model): unknown {
  const { irVersion, opsets, producer, metadata, functions } = model
  return JSON.parse(
    JSON.stringify(
      { irVersion, opsets, producer, metadata: [...metadata], graph: model.graph, functions },
      (key, item) => {
        if (key === 'carrier') return undefined
        if (typeof item === 'bigint') return `${item}n`
        if (typeof item === 'number' && !Number.isFinite(item)) return String(item)
        if (item instanceof Uint8Array) return base64(item)
        return item
      },
    ),
  )
}

const name = fc.string({ unit: 'grapheme', maxLength: 80 })
const dimension = fc.oneof(fc.nat(), fc.string({ minLength: 1, maxLength: 5 }), fc.constant(null))
const anyValue = fc
  .tuple(name, fc.constantFrom('f32', 'i64', 'u4', 'bool', 'e4m3fn', undefined), fc.array(dimension, { maxLength: 4 }))
  .map(([label, dtype, shape]) => (dtype === undefined ? value(label) : value(label, dtype as 'f32', shape)))
const anyTensor = fc
  .tuple(name, fc.uint8Array({ maxLength: 1500 }))
  .map(([label, bytes]) => tensor(label, 'u8', [bytes.length], bytes))
const int64 = fc
  .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  .map((wide) => (Number.isSafeInteger(Number(wide)) ? Number(wide) : wide))
const float = fc.float({ noNaN: true })
const anyAttribute = (inner: fc.Arbitrary<Graph>): fc.Arbitrary<Attribute> =>
  fc.oneof(
    fc.record({ name, kind: fc.constant('int' as const), value: int64 }),
    fc.record({ name, kind: fc.constant('float' as const), value: float }),
    fc.record({ name, kind: fc.constant('string' as const), value: name }),
    fc.record({ name, kind: fc.constant('ints' as const), value: fc.array(int64) }),
    fc.record({ name, kind: fc.constant('floats' as const), value: fc.array(float) }),
    fc.record({ name, kind: fc.constant('strings' as const), value: fc.array(name) }),
    fc.record({ name, kind: fc.constant('tensor' as const), value: anyTensor }),
    fc.record({ name, kind: fc.constant('graph' as const), value: inner }),
    fc.record({ name, kind: fc.constant('graphs' as const), value: fc.array(inner, { maxLength: 2 }) }),
  )
const { anyGraph } = fc.letrec<{ anyGraph: Graph; anyNode: Node }>((tie) => ({
  anyNode: fc.record({
    name,
    op: name,
    domain: fc.constantFrom('', 'com.microsoft'),
    inputs: fc.array(name, { maxLength: 3 }),
    outputs: fc.array(name, { maxLength: 3 }),
    attributes: fc.array(anyAttribute(tie('anyGraph')), { maxLength: 3 }),
  }),
  anyGraph: fc.record(
    {
      name,
      nodes: fc.array(tie('anyNode'), { maxLength: 3, depthIdentifier: 'graph' }),
      initializers: fc.array(anyTensor, { maxLength: 3 }),
      sparseInitializers: fc.constant([]),
      inputs: fc.array(anyValue, { maxLength: 2 }),
      outputs: fc.array(anyValue, { maxLength: 2 }),
      values: fc.array(anyValue, { maxLength: 2 }),
    },
    { noNullPrototype: true },
  ),
}))
const anyModel: fc.Arbitrary<Model> = fc
  .tuple(anyGraph, fc.dictionary(name, name, { maxKeys: 3 }), fc.integer({ min: 3, max: 13 }))
  .map(([main, metadata, ir]) => ({ ...buildModel({ ir, metadata }), graph: main }))
