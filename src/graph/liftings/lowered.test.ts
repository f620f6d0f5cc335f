import { describe, expect, it } from 'vitest'
import { floatsIn, lifted, operators } from '../../../test/fixtures/lifted.ts'
import { applied, contextOf, expectSameOutputs, type Feed, loweredBy } from '../../../test/fixtures/lowered.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  quantizedWeight,
  randomFloats,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import type { DType } from '../../model/dtype.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import type { WeightFacts, WeightRole } from '../../model/inventory.ts'
import type { PackedRefs } from '../../model/lowering.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Granularity, MatrixView } from '../../model/scheme.ts'
import { ort } from '../../targets/ort.ts'
import { lowerings, lowerLstmPair } from '../lowerings/index.ts'
import { makeNode } from '../lowerings/make.ts'

/** Packed tensors under the names the pipeline gives them. */
function named(packed: PackedRefs): PackedRefs {
  const suffixes = { codes: 'q', scales: 's', zeros: 'z' } as const
  const entries = Object.entries(packed as unknown as Record<string, TensorRef>).map(([part, ref]) => [
    part,
    { ...ref, name: ref.name.replace(part, suffixes[part as keyof typeof suffixes]) },
  ])
  return Object.fromEntries(entries) as PackedRefs
}

interface Case {
  readonly lowering: string
  readonly packing: string
  readonly node: Node
  readonly role: WeightRole
  readonly shape: readonly number[]
  readonly view: MatrixView
  readonly axis: number | null
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly feed?: Feed
  readonly specs: readonly Omit<IntegerSpec, 'family'>[]
  /** Operators of the lifted graph. */
  readonly gives: readonly string[]
  /** The lifted weight is the transpose of the original. */
  readonly flipped?: boolean
  readonly tolerance?: number
}

const block = (size: number): Granularity => ({ kind: 'block', size })
const specs = (
  bits: readonly (2 | 4 | 8)[],
  granularities: readonly Granularity[],
  scales: readonly ('f32' | 'f16')[],
  symmetric: readonly boolean[] = [true, false],
) =>
  bits.flatMap((one) =>
    granularities.flatMap((granularity) =>
      scales.flatMap((scale) => symmetric.map((sym) => ({ bits: one, granularity, symmetric: sym, scale }))),
    ),
  )

const MATRIX = {
  node: makeNode('MatMul', ['x', 'w'], ['y']),
  role: 'matmul' as const,
  view: { stack: 1, channels: 6, depth: 40, along: 'column' as const },
  shape: [40, 6],
  axis: 1,
  x: [3, 40],
  y: [3, 6],
}
const TABLE = {
  node: makeNode('Gather', ['w', 'x'], ['y'], { axis: 0 }),
  role: 'gather' as const,
  view: { stack: 1, channels: 9, depth: 32, along: 'row' as const },
  shape: [9, 32],
  axis: 0,
  x: [2, 3],
  y: [2, 3, 32],
  feed: [[2, 3], [0, 8, -1, 4, 4, 2], 'i64'] as const,
}

const CASES: readonly Case[] = [
  {
    ...MATRIX,
    lowering: 'onnx/matmul-nbits',
    packing: 'onnx/nbits',
    specs: specs([2, 4, 8], [block(16), block(32)], ['f32', 'f16']),
    gives: ['MatMul'],
    tolerance: 0.02,
  },
  {
    lowering: 'onnx/matmul-nbits',
    packing: 'onnx/nbits',
    node: makeNode('Gemm', ['x', 'w'], ['y'], { transB: 1 }),
    role: 'gemm',
    view: { stack: 1, channels: 6, depth: 40, along: 'row' },
    shape: [6, 40],
    axis: 0,
    x: [3, 40],
    y: [3, 6],
    specs: specs([4], [block(16)], ['f32']),
    gives: ['MatMul'],
    flipped: true,
    tolerance: 0.02,
  },
  {
    ...MATRIX,
    lowering: 'onnx/matmul-integer',
    packing: 'onnx/kn',
    specs: specs([8], [{ kind: 'channel' }, { kind: 'tensor' }], ['f32']),
    gives: ['MatMul'],
    tolerance: 0.02,
  },
  {
    ...MATRIX,
    lowering: 'onnx/matmul-integer',
    packing: 'onnx/kn-s8',
    specs: specs([8], [{ kind: 'channel' }], ['f32'], [true]),
    gives: ['MatMul'],
    tolerance: 1,
  },
  {
    ...MATRIX,
    lowering: 'onnx/dynamic-matmul',
    packing: 'onnx/kn',
    specs: specs([8], [{ kind: 'channel' }, { kind: 'tensor' }], ['f32']),
    gives: ['MatMul'],
    tolerance: 0.02,
  },
  ...(['onnx/dequantize', 'onnx/expand'] as const).flatMap((lowering): Case[] => [
    {
      ...MATRIX,
      lowering,
      packing: 'onnx/elements',
      // Blocks of 16 leave a shorter last one.
      specs: specs([8, 4], [{ kind: 'tensor' }, { kind: 'channel' }, block(8), block(16)], ['f32', 'f16']),
      gives: ['MatMul'],
    },
    {
      lowering,
      packing: 'onnx/elements',
      node: makeNode('Conv', ['x', 'w'], ['y'], { kernel_shape: [3, 3] }),
      role: 'conv',
      view: { stack: 1, channels: 6, depth: 18, along: 'row' },
      shape: [6, 2, 3, 3],
      axis: 0,
      x: [1, 2, 5, 5],
      y: [1, 6, 3, 3],
      specs: specs([8], [{ kind: 'tensor' }, { kind: 'channel' }], ['f32', 'f16']),
      gives: ['Conv'],
    },
  ]),
  {
    ...TABLE,
    lowering: 'onnx/gather-rows',
    packing: 'onnx/elements',
    specs: specs([8], [{ kind: 'tensor' }, { kind: 'channel' }], ['f32', 'f16']),
    gives: ['Gather'],
  },
  {
    ...TABLE,
    lowering: 'onnx/gather-block',
    packing: 'onnx/gather-block',
    specs: specs([2, 4, 8], [block(16), block(32)], ['f32', 'f16']),
    gives: ['Gather'],
  },
]

function flippedTo(values: Float32Array, rows: number, columns: number): Float32Array {
  return values.map((_, index) => values[(index % rows) * columns + Math.floor(index / rows)]!)
}

function modelOf(one: Case, w: TensorRef, dtype: DType): Model {
  return plainModel({
    nodes: [one.node],
    initializers: [w],
    inputs: [{ name: 'x', dtype: (one.feed?.[2] as DType | undefined) ?? dtype, shape: one.x }],
    outputs: [{ name: 'y', dtype, shape: one.y }],
    opset: 21,
  })
}

describe('what a lowering made is lifted to exactly what its packed tensors decode to', () => {
  for (const one of CASES) {
    it(`${one.lowering} of ${one.node.op}, ${one.packing}`, async () => {
      const lowering = lowerings.get(one.lowering as never)!
      for (const given of one.specs) {
        const spec: IntegerSpec = { family: 'integer', ...given }
        const weight = quantizedWeight(spec, one.view, spec.bits + 3)
        const w = floatTensor('w', one.shape, weight.values)
        const input = one.node.inputs.indexOf('w')
        const facts = weightFacts(w, [weightUse(one.node, input, one.role, one.view, one.axis)])
        const packed = named(packedRefs(weight, one.packing, one.shape, 'w'))
        const model = modelOf(one, w, 'f32')
        const lowered = loweredBy(lowering, model, facts, weight, packed, ort)
        // Node lowerings leave the weight to whoever removes what is not read any more.
        const initializers = lowered.graph.initializers.filter(({ name }) => name !== 'w')
        const quantized = { ...lowered, graph: { ...lowered.graph, initializers } }

        const back = await lifted(quantized)
        const label = JSON.stringify(given)
        expect(operators(back.model), label).toEqual(one.gives)
        expect(back.kept, label).toEqual([])
        expect(
          back.tensors.map(({ name }) => name),
          label,
        ).toEqual(['w'])
        expect(
          back.model.graph.initializers.map(({ name }) => name),
          label,
        ).toEqual(['w'])
        const values = await floatsIn(back.model, 'w')
        const [rows = 1, columns = 1] = one.shape
        const wanted = one.flipped ? flippedTo(weight.values, rows, columns) : weight.values
        expect(new Uint8Array(values.buffer), label).toEqual(new Uint8Array(wanted.slice().buffer))
        const feed = one.feed ?? [
          one.x,
          randomFloats(
            one.x.reduce((a, b) => a * b, 1),
            7,
          ),
        ]
        await expectSameOutputs(model, back.model, { x: feed }, one.flipped ? 1e-6 : 0, [false])
        await expectSameOutputs(quantized, back.model, { x: feed }, one.tolerance ?? 1e-6, [false])
      }
    })
  }

  it('onnx/half of both kinds', async () => {
    for (const half of ['f16', 'bf16'] as const) {
      const values = Float32Array.from({ length: 240 }, (_, index) => (index - 100) / 64)
      const w = floatTensor('w', [40, 6], values)
      const facts = weightFacts(w, [weightUse(MATRIX.node, 1, 'matmul', MATRIX.view, 1)])
      const bytes = floatTensor('w.q', [40, 6], values, 'f16').storage
      const codes: TensorRef = {
        name: 'w.q',
        dtype: half,
        shape: [40, 6],
        storage: half === 'f16' ? bytes : truncated(values),
      }
      const model = modelOf({ ...MATRIX, lowering: '', packing: '', specs: [], gives: [] }, w, 'f32')
      const spec = { family: 'half' as const, dtype: half }
      const edits = lowerings.get('onnx/half')!.lower(facts, facts.uses, spec, { codes }, contextOf(model, ort))
      const back = await lifted(applied(model, [], [{ codes }], edits))
      expect(operators(back.model)).toEqual(['MatMul'])
      expect(await floatsIn(back.model, 'w')).toEqual(values)
    }
  })

  it('onnx/dynamic-lstm: both weights, their places and everything else of the node', async () => {
    const view = (depth: number): MatrixView => ({ stack: 2, channels: 16, depth, along: 'row' })
    const spec: IntegerSpec = {
      family: 'integer',
      bits: 8,
      granularity: { kind: 'channel' },
      symmetric: true,
      scale: 'f32',
    }
    const node = makeNode('LSTM', ['x', 'w', 'r', 'b'], ['y'], { hidden_size: 4, direction: 'bidirectional' })
    const made = (
      [
        ['w', 6],
        ['r', 4],
      ] as const
    ).map(([name, depth]) => {
      const weight = quantizedWeight(spec, view(depth), depth)
      const tensor = floatTensor(name, [2, 16, depth], weight.values)
      const role = name === 'w' ? ('lstm-w' as const) : ('lstm-r' as const)
      const facts: WeightFacts = weightFacts(tensor, [weightUse(node, name === 'w' ? 1 : 2, role, view(depth), null)])
      return {
        weight: facts,
        values: weight.values,
        tensor,
        packed: named(packedRefs(weight, 'onnx/lstm', tensor.shape, name)),
      }
    })
    const model = plainModel({
      nodes: [node],
      initializers: [made[0]!.tensor, made[1]!.tensor, floatTensor('b', [2, 32], randomFloats(64, 4))],
      inputs: [{ name: 'x', dtype: 'f32', shape: [5, 1, 6] }],
      outputs: [{ name: 'y', dtype: 'f32', shape: [5, 2, 1, 4] }],
      opset: 14,
    })
    const edits = lowerLstmPair(made[0]!, made[1]!, made[0]!.weight.uses, spec, contextOf(model, ort))
    const lowered = applied(
      model,
      [],
      made.map(({ packed }) => packed),
      edits,
    )
    const initializers = lowered.graph.initializers.filter(({ name }) => name !== 'w' && name !== 'r')
    const back = await lifted({ ...lowered, graph: { ...lowered.graph, initializers } })
    expect(operators(back.model)).toEqual(['LSTM'])
    for (const { weight, values } of made) expect(await floatsIn(back.model, weight.name)).toEqual(values)
    await expectSameOutputs(model, back.model, { x: [[5, 1, 6], randomFloats(30, 2)] }, 0, [false])
  })

  it('an embedding and its head over one set of codes: one float weight, transposed for the head', async () => {
    const spec: IntegerSpec = { family: 'integer', bits: 4, granularity: block(16), symmetric: false, scale: 'f16' }
    const view: MatrixView = { stack: 1, channels: 9, depth: 32, along: 'row' }
    const weight = quantizedWeight(spec, view, 5)
    const w = floatTensor('w', [9, 32], weight.values)
    const gather = makeNode('Gather', ['w', 'ids'], ['rows'])
    const head = makeNode('Gemm', ['x', 'w'], ['y'], { transB: 1 })
    const facts = weightFacts(w, [weightUse(gather, 0, 'gather', view, 0), weightUse(head, 1, 'gemm', view, 0)])
    const packed = named(packedRefs(weight, 'onnx/nbits', [9, 32], 'w'))
    const model = plainModel({
      nodes: [gather, head],
      initializers: [w],
      inputs: [
        { name: 'ids', dtype: 'i64', shape: [4] },
        { name: 'x', dtype: 'f32', shape: [2, 32] },
      ],
      outputs: [
        { name: 'rows', dtype: 'f32', shape: [4, 32] },
        { name: 'y', dtype: 'f32', shape: [2, 9] },
      ],
      opset: 17,
    })
    const context = contextOf(model, ort)
    const edits = [
      ...lowerings.get('onnx/gather-block')!.lower(facts, [facts.uses[0]!], spec, packed, context),
      ...lowerings.get('onnx/matmul-nbits')!.lower(facts, [facts.uses[1]!], spec, packed, context),
    ]
    const lowered = applied(model, [], [packed], edits)
    const initializers = lowered.graph.initializers.filter(({ name }) => name !== 'w')
    const back = await lifted({ ...lowered, graph: { ...lowered.graph, initializers } })
    expect(operators(back.model).sort()).toEqual(['Gather', 'MatMul', 'Transpose'])
    expect(back.tensors.map(({ name }) => name)).toEqual(['w'])
    expect(await floatsIn(back.model, 'w')).toEqual(weight.values)
    const feeds: Record<string, Feed> = { ids: [[4], [0, 8, 3, 3], 'i64'], x: [[2, 32], randomFloats(64, 6)] }
    await expectSameOutputs(model, back.model, feeds, 1e-6, [false])
  })
})

/** bfloat16 of values that have no more bits than that. */
function truncated(values: Float32Array): TensorRef['storage'] {
  const words = new Uint32Array(values.slice().buffer)
  const bytes = new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer)
  return { kind: 'bytes', bytes, byteLength: bytes.length }
}
