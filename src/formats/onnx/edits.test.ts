import { describe, expect, it } from 'vitest'
import {
  asRead,
  attribute,
  buildModel,
  encodeModel,
  f32,
  node,
  produced,
  tensor,
  value,
} from '../../../test/fixtures/build.ts'
import { bytes, fixed32, float32, int, message, modelFile, tensorFile, text } from '../../../test/fixtures/wire.ts'
import { memorySource } from '../../bytes/memory.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import { read } from './read.ts'
import { readTensor } from './read-tensor.ts'

const withGraph = (model: Model, change: Partial<Model['graph']>): Model => ({
  ...model,
  graph: { ...model.graph, ...change },
})
const reread = async (model: Model): Promise<Model> => read(memorySource(await encodeModel(model), 'again'))

describe('a changed model', () => {
  it('keeps unknown fields of a node whose inputs change', async () => {
    const model = await read(
      memorySource(modelFile([message(1, text(1, 'a'), int(900, 7), text(1, 'b'), text(4, 'Op'), text(6, 'doc'))])),
    )
    const [first] = model.graph.nodes
    if (!first) throw new Error('one node expected')
    const file = await encodeModel(withGraph(model, { nodes: [{ ...first, inputs: ['x', 'y', 'z'] }] }))
    const expected = modelFile([
      message(1, text(1, 'x'), int(900, 7), text(1, 'y'), text(1, 'z'), text(4, 'Op'), text(6, 'doc')),
    ])
    expect(Buffer.compare(file, expected)).toBe(0)
  })

  it('drops what was removed and appends what is new behind its kind', async () => {
    const model = await asRead(
      buildModel({ nodes: [node('A', [], ['a']), node('B', [], ['b']), node('C', [], ['c'])], outputs: [value('c')] }),
    )
    const [, b, c] = model.graph.nodes
    if (!b || !c) throw new Error('three nodes expected')
    const again = await reread(
      withGraph(model, { nodes: [c, b, node('D', ['c'], ['d']), node('E', [], ['e'])], name: '' }),
    )
    expect(again.graph.nodes.map((each) => each.op)).toEqual(['C', 'B', 'D', 'E'])
    expect(again.graph.name).toBe('')
    expect(again.graph.outputs.map((each) => each.name)).toEqual(['c'])
  })

  it('changes the kind of an attribute without leaving the old value', async () => {
    const model = await asRead(buildModel({ nodes: [node('Cast', ['x'], ['y'], { to: 1, keep: 'text' })] }))
    const [cast] = model.graph.nodes
    const [to, keep] = cast?.attributes ?? []
    if (!cast || !to || !keep) throw new Error('two attributes expected')
    const attributes = [{ ...to, kind: 'floats' as const, value: [1, 2] }, keep, attribute('added', [3, 4])]
    const again = await reread(withGraph(model, { nodes: [{ ...cast, attributes }] }))
    expect(again.graph.nodes[0]?.attributes).toMatchObject([
      { name: 'to', kind: 'floats', value: [1, 2] },
      { name: 'keep', kind: 'string', value: 'text' },
      { name: 'added', kind: 'ints', value: [3, 4] },
    ])
    expect(Buffer.compare(await encodeModel(again), await encodeModel(await reread(again)))).toBe(0)
  })

  it('shortens, lengthens and rewrites number lists in the spelling they have', async () => {
    const packed = modelFile([message(1, message(5, text(1, 'a'), bytes(8, [1, 2]), bytes(8, [3]), int(20, 7)))])
    const change = async (value: readonly (number | bigint)[]): Promise<Uint8Array> => {
      const model = await read(memorySource(packed))
      const [only] = model.graph.nodes
      if (!only) throw new Error('one node expected')
      const attributes = only.attributes.map((each) => ({ ...each, kind: 'ints' as const, value }))
      return encodeModel(withGraph(model, { nodes: [{ ...only, attributes }] }))
    }
    const expected = (...fields: Parameters<typeof message>[1][]): Uint8Array =>
      modelFile([message(1, message(5, text(1, 'a'), ...fields, int(20, 7)))])
    expect([...(await change([9]))]).toEqual([...expected(bytes(8, [9]))])
    expect([...(await change([1, 2, 3, 4, 5]))]).toEqual([...expected(bytes(8, [1, 2]), bytes(8, [3, 4, 5]))])
    expect([...(await change([]))]).toEqual([...expected()])
  })

  it('rewrites dtype and shape of a value and keeps the rest', async () => {
    const before = [
      message(
        11,
        text(1, 'x'),
        message(
          2,
          message(
            1,
            int(1, 1),
            message(2, message(1, text(2, 'n'), text(3, 'batch')), message(1, int(1, 3))),
            int(70, 1),
          ),
        ),
        text(3, 'doc'),
      ),
    ]
    const model = await read(memorySource(modelFile(before)))
    const inputs = model.graph.inputs.map((each) => ({ ...each, dtype: 'f16' as const, shape: ['n', 4, null] }))
    const file = await encodeModel(withGraph(model, { inputs }))
    const after = [
      message(
        11,
        text(1, 'x'),
        message(
          2,
          message(
            1,
            int(1, 10),
            message(2, message(1, text(2, 'n'), text(3, 'batch')), message(1, int(1, 4)), message(1)),
            int(70, 1),
          ),
        ),
        text(3, 'doc'),
      ),
    ]
    expect([...file]).toEqual([...modelFile(after)])
  })

  it('gives a value a type, and takes it away', async () => {
    const model = await asRead(buildModel({ inputs: [value('a'), value('b', 'f32', [1])] }))
    const [a, b] = model.graph.inputs
    if (!a || !b) throw new Error('two inputs expected')
    const again = await reread(
      withGraph(model, {
        inputs: [
          { ...a, dtype: 'i8', shape: [] },
          { name: 'b', carrier: b.carrier },
        ],
      }),
    )
    expect(again.graph.inputs).toMatchObject([{ name: 'a', dtype: 'i8', shape: [] }, { name: 'b' }])
    expect(again.graph.inputs[1]).not.toHaveProperty('dtype')
  })

  it('changes metadata, versions and opsets in place', async () => {
    const model = await asRead(buildModel({ metadata: { a: '1', b: '2' }, opset: 13 }))
    const opsets = [...model.opsets.map((each) => ({ ...each, version: 21 })), { domain: 'com.microsoft', version: 1 }]
    const metadata = new Map([
      ['b', '3'],
      ['c', '4'],
    ])
    const again = await reread({ ...model, opsets, metadata, irVersion: 10, producer: 'tersor' })
    expect([...again.metadata]).toEqual([
      ['b', '3'],
      ['c', '4'],
    ])
    expect(again.opsets).toMatchObject([
      { domain: '', version: 21 },
      { domain: 'com.microsoft', version: 1 },
    ])
    expect(again).toMatchObject({ irVersion: 10, producer: 'tersor' })
  })

  it('drops a sparse initializer that is no longer named', async () => {
    const model = await read(
      memorySource(modelFile([message(15, message(1, text(8, 's'))), message(15, message(1, text(8, 't')))])),
    )
    expect(model.graph.sparseInitializers).toEqual(['s', 't'])
    const file = await encodeModel(withGraph(model, { sparseInitializers: ['t'] }))
    expect([...file]).toEqual([...modelFile([message(15, message(1, text(8, 't')))])])
  })
})

describe('a changed tensor', () => {
  const swap = async (file: Uint8Array, change: (tensor: TensorRef) => TensorRef): Promise<Uint8Array> => {
    const model = await read(memorySource(file))
    return encodeModel(withGraph(model, { initializers: model.graph.initializers.map(change) }))
  }
  const typed = tensorFile(
    int(1, 2),
    int(2, 1),
    fixed32(4, float32(1)),
    fixed32(4, float32(2)),
    text(8, 'w'),
    text(12, 'doc'),
  )

  it('has raw data instead of its fields, and keeps name and documents', async () => {
    const file = await swap(typed, (each) => ({ ...each, ...pick(tensor('w', 'i8', [3], Uint8Array.of(1, 2, 3))) }))
    expect([...file]).toEqual([...tensorFile(int(1, 3), int(2, 3), text(8, 'w'), text(12, 'doc'), bytes(9, [1, 2, 3]))])
  })

  it('keeps its fields when only the name changes', async () => {
    const file = await swap(typed, (each) => ({ ...each, name: 'v' }))
    expect([...file]).toEqual([
      ...tensorFile(
        int(1, 2),
        int(2, 1),
        fixed32(4, float32(1)),
        fixed32(4, float32(2)),
        text(8, 'v'),
        text(12, 'doc'),
      ),
    ])
  })

  it('brings decoded elements along when its carrier is left behind', async () => {
    const varints = tensorFile(int(1, 3), int(2, 7), bytes(7, [1, 2, 3]), text(8, 'w'))
    const file = await swap(varints, ({ name, dtype, shape, storage }) => ({ name, dtype, shape, storage }))
    const [again] = (await read(memorySource(file))).graph.initializers
    if (!again) throw new Error('one tensor expected')
    expect(again.storage.kind).toBe('bytes')
    expect([...new BigInt64Array((await readTensor(again)).slice().buffer)]).toEqual([1n, 2n, 3n])
  })

  it('cannot be written when its strings are cut from what they were read from', async () => {
    const strings = tensorFile(int(1, 1), int(2, 8), text(6, 'a'), text(8, 'w'))
    await expect(
      swap(strings, ({ name, dtype, shape, storage }) => ({ name, dtype, shape, storage })),
    ).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
    })
  })

  it('that is not made yet cannot be read', async () => {
    await expect(readTensor(produced('w', 'f32', [2]))).rejects.toMatchObject({ code: 'E_INTERNAL' })
    await expect(encodeModel(buildModel({ initializers: [produced('w', 'f32', [2])] }))).rejects.toMatchObject({
      code: 'E_INTERNAL',
    })
  })

  it('of another model is written from its own source', async () => {
    const other = await asRead(
      buildModel({
        initializers: [
          f32(
            'big',
            [1000],
            Float32Array.from({ length: 1000 }, (_, i) => i),
          ),
        ],
      }),
    )
    const model = withGraph(await asRead(buildModel({})), { initializers: other.graph.initializers })
    const [again] = (await reread(model)).graph.initializers
    if (!again) throw new Error('one tensor expected')
    expect(again.storage.kind).toBe('span')
    expect(new Float32Array((await readTensor(again)).slice().buffer)[999]).toBe(999)
  })
})

function pick({ dtype, shape, storage }: TensorRef): Pick<TensorRef, 'dtype' | 'shape' | 'storage'> {
  return { dtype, shape, storage }
}
