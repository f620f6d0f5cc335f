import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectSameOutputs, type Feed, loweredBy, ortTensor } from '../../../test/fixtures/lowered.ts'
import { plainGraph, plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  quantizedWeight,
  randomFloats,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import { runOnnx } from '../../../test/fixtures/run-onnx.ts'
import type { DType } from '../../model/dtype.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import type { WeightFacts, WeightRole } from '../../model/inventory.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Granularity, MatrixView } from '../../model/scheme.ts'
import { ort } from '../../targets/ort.ts'
import { dequantize } from './dequantize.ts'
import { expand } from './expand.ts'
import { half } from './half.ts'
import { makeNode } from './make.ts'

const CHANNEL: Granularity = { kind: 'channel' }
const TENSOR: Granularity = { kind: 'tensor' }
const block = (size: number): Granularity => ({ kind: 'block', size })

/** One operator with one weight: what its file looks like and how its weight is seen. */
interface Use {
  readonly name: string
  readonly shape: readonly number[]
  readonly view: MatrixView
  readonly axis: number | null
  readonly role: WeightRole
  readonly node: Node
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly granularities: readonly Granularity[]
}

const USES: readonly Use[] = [
  {
    name: 'MatMul [K, N]',
    shape: [12, 6],
    view: { stack: 1, channels: 6, depth: 12, along: 'column' },
    axis: 1,
    role: 'matmul',
    node: makeNode('MatMul', ['x', 'w'], ['y']),
    x: [3, 12],
    y: [3, 6],
    granularities: [TENSOR, CHANNEL, block(4), block(8), block(32)],
  },
  {
    name: 'stack of matrices',
    shape: [2, 12, 6],
    view: { stack: 2, channels: 6, depth: 12, along: 'column' },
    axis: null,
    role: 'matmul',
    node: makeNode('MatMul', ['x', 'w'], ['y']),
    x: [2, 3, 12],
    y: [2, 3, 6],
    granularities: [TENSOR, CHANNEL, block(4)],
  },
  {
    name: 'Gemm transB',
    shape: [6, 12],
    view: { stack: 1, channels: 6, depth: 12, along: 'row' },
    axis: 0,
    role: 'gemm',
    node: makeNode('Gemm', ['x', 'w'], ['y'], { transB: 1 }),
    x: [3, 12],
    y: [3, 6],
    granularities: [TENSOR, CHANNEL, block(4), block(8)],
  },
  {
    name: 'Conv 3x3',
    shape: [6, 2, 3, 3],
    view: { stack: 1, channels: 6, depth: 18, along: 'row' },
    axis: 0,
    role: 'conv',
    node: makeNode('Conv', ['x', 'w'], ['y'], { kernel_shape: [3, 3] }),
    x: [1, 2, 5, 5],
    y: [1, 6, 3, 3],
    granularities: [TENSOR, CHANNEL],
  },
  {
    name: 'Conv 1x1',
    shape: [6, 16, 1, 1],
    view: { stack: 1, channels: 6, depth: 16, along: 'row' },
    axis: 0,
    role: 'conv',
    node: makeNode('Conv', ['x', 'w'], ['y'], { kernel_shape: [1, 1] }),
    x: [1, 16, 2, 2],
    y: [1, 6, 2, 2],
    granularities: [CHANNEL, block(8)],
  },
  {
    name: 'ConvTranspose, one scale per input channel',
    shape: [4, 6, 2, 2],
    view: { stack: 1, channels: 4, depth: 24, along: 'row' },
    axis: 0,
    role: 'conv-transpose',
    node: makeNode('ConvTranspose', ['x', 'w'], ['y']),
    x: [1, 4, 3, 3],
    y: [1, 6, 4, 4],
    granularities: [TENSOR, CHANNEL],
  },
  {
    name: 'pointwise ConvTranspose, channel in the middle',
    shape: [4, 6, 1, 1],
    view: { stack: 1, channels: 6, depth: 4, along: 'column' },
    axis: 1,
    role: 'conv-transpose',
    node: makeNode('ConvTranspose', ['x', 'w'], ['y']),
    x: [1, 4, 3, 3],
    y: [1, 6, 3, 3],
    granularities: [CHANNEL],
  },
  {
    name: 'GRU of two directions',
    shape: [2, 12, 6],
    view: { stack: 2, channels: 12, depth: 6, along: 'row' },
    axis: null,
    role: 'gru-w',
    node: makeNode('GRU', ['x', 'w', 'r'], ['y'], { hidden_size: 4, direction: 'bidirectional' }),
    x: [3, 1, 6],
    y: [3, 2, 1, 4],
    granularities: [TENSOR, CHANNEL, block(4)],
  },
  {
    name: 'LSTM of one direction',
    shape: [1, 16, 6],
    view: { stack: 1, channels: 16, depth: 6, along: 'row' },
    axis: 1,
    role: 'lstm-w',
    node: makeNode('LSTM', ['x', 'w', 'r'], ['y'], { hidden_size: 4 }),
    x: [3, 1, 6],
    y: [3, 1, 1, 4],
    granularities: [CHANNEL],
  },
]

const OTHERS = (use: Use): readonly TensorRef[] => {
  if (!use.node.inputs.includes('r')) return []
  const shape = [use.shape[0]!, use.shape[1]!, 4]
  return [
    floatTensor(
      'r',
      shape,
      randomFloats(
        shape.reduce((a, b) => a * b, 1),
        3,
      ),
    ),
  ]
}

function modelOf(use: Use, w: TensorRef, opset: number): Model {
  return plainModel({
    nodes: [use.node],
    initializers: [w, ...OTHERS(use)],
    inputs: [{ name: 'x', dtype: w.dtype, shape: use.x }],
    outputs: [{ name: 'y', dtype: w.dtype, shape: use.y }],
    opset,
  })
}

function feedsOf(use: Use, dtype: DType): Record<string, Feed> {
  return {
    x: [
      use.x,
      randomFloats(
        use.x.reduce((a, b) => a * b, 1),
        7,
      ),
      dtype,
    ],
  }
}

const label = (granularity: Granularity): string =>
  granularity.kind === 'block' ? `block ${granularity.size}` : granularity.kind

for (const lowering of [dequantize, expand]) {
  describe(lowering.id, () => {
    for (const use of USES) {
      for (const granularity of use.granularities) {
        it(`${use.name}, ${label(granularity)}`, async () => {
          for (const bits of [8, 4, 2] as const) {
            for (const symmetric of [true, false]) {
              for (const scale of ['f32', 'f16'] as const) {
                const spec: IntegerSpec = { family: 'integer', bits, granularity, symmetric, scale }
                const weight = quantizedWeight(spec, use.view, bits + 1)
                const w = floatTensor('w', use.shape, weight.values)
                const facts = weightFacts(w, [weightUse(use.node, 1, use.role, use.view, use.axis)])
                const refused = lowering.accepts(facts, undefined, spec, ort)
                if (lowering === dequantize && bits === 2 && use.role === 'matmul') {
                  expect(refused?.code).toBe('fault')
                  continue
                }
                expect(refused).toBeNull()
                const least = lowering.minOpset(spec, facts)
                expect(least).toBeLessThanOrEqual(lowering.minOpset(spec))
                // Gemm without C is of opset 11.
                for (const opset of new Set([Math.max(use.role === 'gemm' ? 11 : 7, least), 25])) {
                  const model = modelOf(use, w, opset)
                  const packed = packedRefs(weight, 'onnx/elements', use.shape, 'w')
                  const lowered = loweredBy(lowering, model, facts, weight, packed, ort)
                  const feeds = feedsOf(use, 'f32')
                  await expectSameOutputs(model, lowered, feeds, 2e-6, lowering === expand ? [false, true] : [false])
                  // Optimized sessions turn DequantizeLinear + MatMul into products in integers.
                  if (lowering === dequantize) await expectSameOutputs(model, lowered, feeds, 0.04, [true])
                }
              }
            }
          }
        })
      }
    }
  })
}

describe('spellings', () => {
  const use = USES[0]!
  const spec: IntegerSpec = { family: 'integer', bits: 8, granularity: CHANNEL, symmetric: true, scale: 'f32' }
  const weight = quantizedWeight(spec, use.view)
  const w = floatTensor('w', use.shape, weight.values)
  const packed = packedRefs(weight, 'onnx/elements', use.shape, 'w')
  const uses = [weightUse(use.node, 1, use.role, use.view, use.axis)]

  for (const lowering of [dequantize, expand]) {
    it(`${lowering.id}: a Constant node is replaced at its place`, async () => {
      const constant: Node = {
        ...makeNode('Constant', [], ['w']),
        attributes: [{ name: 'value', kind: 'tensor', value: w }],
      }
      const plain = modelOf(use, w, 13)
      const model = { ...plain, graph: { ...plain.graph, initializers: [], nodes: [constant, use.node] } }
      const facts = weightFacts(w, uses, { spelling: 'constant-node', constantNode: constant })
      const lowered = loweredBy(lowering, model, facts, weight, packed, ort)
      expect(lowered.graph.nodes.some((node) => node.op === 'Constant')).toBe(false)
      await expectSameOutputs(model, lowered, feedsOf(use, 'f32'), 2e-6, [false])
    })

    it(`${lowering.id}: an initializer that was also an input loses the input`, async () => {
      const plain = modelOf(use, w, 13)
      const inputs = [...plain.graph.inputs, { name: 'w', dtype: 'f32' as const, shape: w.shape }]
      const model = { ...plain, graph: { ...plain.graph, inputs } }
      const facts = weightFacts(w, uses, { spelling: 'initializer-input' })
      const lowered = loweredBy(lowering, model, facts, weight, packed, ort)
      expect(lowered.graph.inputs.map((input) => input.name)).toEqual(['x'])
      await expectSameOutputs(model, lowered, feedsOf(use, 'f32'), 2e-6, [false])
    })

    it(`${lowering.id}: a weight inside a branch, and one captured by it`, async () => {
      for (const inside of [true, false]) {
        const branch = plainGraph({
          name: 'then',
          nodes: [makeNode('MatMul', ['x', 'w'], ['t'])],
          initializers: inside ? [w] : [],
          outputs: [{ name: 't', dtype: 'f32', shape: use.y }],
        })
        const other = plainGraph({
          name: 'else',
          nodes: [makeNode('Slice', ['x', 'from', 'to', 'axes'], ['e'])],
          outputs: [{ name: 'e', dtype: 'f32', shape: use.y }],
        })
        const choose: Node = {
          ...makeNode('If', ['c'], ['y']),
          name: 'choose',
          attributes: [
            { name: 'then_branch', kind: 'graph', value: branch },
            { name: 'else_branch', kind: 'graph', value: other },
          ],
        }
        const model = plainModel({
          nodes: [choose],
          initializers: [
            ...(inside ? [] : [w]),
            ...['from', 'to', 'axes'].map((name, index) => bounds(name, [0, 6, 1][index]!)),
          ],
          inputs: [
            { name: 'x', dtype: 'f32', shape: use.x },
            { name: 'c', dtype: 'bool', shape: [] },
          ],
          outputs: [{ name: 'y', dtype: 'f32', shape: use.y }],
          opset: 13,
        })
        const scope = ['choose', 'then_branch']
        const facts = weightFacts(w, [weightUse(branch.nodes[0]!, 1, 'matmul', use.view, 1, [], scope)], {
          scope: inside ? scope : [],
        })
        const lowered = loweredBy(lowering, model, facts, weight, packed, ort)
        await expectSameOutputs(model, lowered, { ...feedsOf(use, 'f32'), c: [[], [1], 'bool'] }, 2e-6, [false])
      }
    })
  }
})

function bounds(name: string, value: number): TensorRef {
  const bytes = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)
  return { name, dtype: 'i64', shape: [1], storage: { kind: 'bytes', bytes, byteLength: 8 } }
}

describe('weights in half precision keep their type', () => {
  for (const lowering of [dequantize, expand]) {
    it(lowering.id, async () => {
      const use = USES[2]!
      for (const granularity of use.granularities) {
        const spec: IntegerSpec = { family: 'integer', bits: 8, granularity, symmetric: false, scale: 'f16' }
        const weight = quantizedWeight(spec, use.view)
        const w = floatTensor('w', use.shape, weight.values, 'f16')
        const facts = weightFacts(w, [weightUse(use.node, 1, use.role, use.view, use.axis)])
        const model = modelOf(use, w, 21)
        const packed = packedRefs(weight, 'onnx/elements', use.shape, 'w')
        await expectSameOutputs(
          model,
          loweredBy(lowering, model, facts, weight, packed, ort),
          feedsOf(use, 'f16'),
          2e-3,
          [false],
        )
      }
    })
  }
})

describe('onnx/half', () => {
  for (const dtype of ['f16', 'bf16'] as const) {
    it(`${dtype} behind a Cast`, async () => {
      const use = USES[0]!
      // Small multiples of 1/8 are exact in both types.
      const values = Float32Array.from({ length: 72 }, (_, index) => ((index % 31) - 15) / 8)
      const w = floatTensor('w', use.shape, values)
      const facts = weightFacts(w, [weightUse(use.node, 1, use.role, use.view, use.axis)])
      const spec = { family: 'half', dtype } as const
      expect(half.accepts(facts, undefined, spec, ort)).toBeNull()
      const model = modelOf(use, w, half.minOpset(spec))
      const codes = floatTensor('w.codes', use.shape, values, 'f16')
      const upper = new Uint8Array(
        Uint16Array.from(new Uint32Array(values.slice().buffer), (word) => word >>> 16).buffer,
      )
      const stored: TensorRef =
        dtype === 'f16'
          ? codes
          : { ...codes, dtype, storage: { kind: 'bytes', bytes: upper, byteLength: upper.length } }
      const edits = half.lower(
        facts,
        facts.uses,
        spec,
        { codes: stored },
        { target: ort, opset: 13, fresh: (base) => base },
      )
      const { applyEdits } = await import('../edit.ts')
      const lowered = applyEdits(model, [{ scope: [], addInitializers: [stored] }, ...edits])
      await expectSameOutputs(model, lowered, feedsOf(use, 'f32'), 1e-6)
    })
  }

  it('refuses what is half already', () => {
    const w = floatTensor('w', [4], randomFloats(4, 1), 'f16')
    expect(half.accepts(weightFacts(w, []), undefined, { family: 'half', dtype: 'bf16' }, ort)?.code).toBe('dtype')
  })
})

describe('onnxruntime folds expanded weights', () => {
  it('leaves nothing but the operator', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tersor-'))
    try {
      const use = USES[0]!
      for (const granularity of use.granularities) {
        for (const bits of [8, 4] as const) {
          const spec: IntegerSpec = { family: 'integer', bits, granularity, symmetric: false, scale: 'f16' }
          const weight = quantizedWeight(spec, use.view)
          const w = floatTensor('w', use.shape, weight.values)
          const facts: WeightFacts = weightFacts(w, [weightUse(use.node, 1, use.role, use.view, use.axis)])
          const model = modelOf(use, w, expand.minOpset(spec))
          const lowered = loweredBy(
            expand,
            model,
            facts,
            weight,
            packedRefs(weight, 'onnx/elements', use.shape, 'w'),
            ort,
          )
          const path = join(folder, 'optimized.onnx')
          const feeds = { x: ortTensor([use.x, randomFloats(36, 7)]) }
          await runOnnx(lowered, feeds, true, path)
          const text = readFileSync(path, 'latin1')
          expect(text.includes('"\x06MatMul')).toBe(true)
          for (const op of ['Cast', 'Mul', 'Sub', 'Reshape', 'Gather']) {
            // Operator types are length-prefixed strings of field 4 of a node.
            expect(text.includes(`"${String.fromCharCode(op.length)}${op}`), `${op} for ${label(granularity)}`).toBe(
              false,
            )
          }
        }
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('2-bit columns', () => {
  it('are right in optimized sessions where their number is a multiple of 4', async () => {
    const use: Use = {
      ...USES[0]!,
      shape: [12, 8],
      view: { stack: 1, channels: 8, depth: 12, along: 'column' },
      y: [3, 8],
    }
    for (const granularity of use.granularities) {
      const spec: IntegerSpec = { family: 'integer', bits: 2, granularity, symmetric: false, scale: 'f32' }
      const weight = quantizedWeight(spec, use.view)
      const w = floatTensor('w', use.shape, weight.values)
      const facts = weightFacts(w, [weightUse(use.node, 1, use.role, use.view, use.axis)])
      expect(dequantize.accepts(facts, undefined, spec, ort)).toBeNull()
      const model = modelOf(use, w, 25)
      const lowered = loweredBy(
        dequantize,
        model,
        facts,
        weight,
        packedRefs(weight, 'onnx/elements', use.shape, 'w'),
        ort,
      )
      await expectSameOutputs(model, lowered, feedsOf(use, 'f32'), 2e-6, [false])
      await expectSameOutputs(model, lowered, feedsOf(use, 'f32'), 0.04, [true])
    }
  })
})

describe('refusals', () => {
  const spec: IntegerSpec = { family: 'integer', bits: 4, granularity: CHANNEL, symmetric: true, scale: 'f32' }
  const w = floatTensor('w', [2, 3, 4], randomFloats(24, 1))
  const node = makeNode('Foo', ['w'], ['y'])
  it('says when no scale per channel fits', () => {
    const facts = weightFacts(w, [weightUse(node, 0, 'other', null, null)])
    expect(dequantize.accepts(facts, undefined, spec, ort)?.code).toBe('grid')
    expect(expand.accepts(facts, undefined, spec, ort)?.code).toBe('grid')
  })
  it('says when 4-bit rows span several axes', () => {
    const view = { stack: 2, channels: 1, depth: 12, along: 'row' } as const
    const facts = weightFacts(w, [weightUse(node, 0, 'other', view, null)])
    expect(dequantize.accepts(facts, undefined, spec, ort)?.code).toBe('grid')
    expect(expand.accepts(facts, undefined, spec, ort)).toBeNull()
  })
})
