import { describe, expect, it } from 'vitest'
import { expectSameOutputs, loweredBy } from '../../../test/fixtures/lowered.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  quantizedWeight,
  randomFloats,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import type { Node } from '../../model/graph.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { ort } from '../../targets/ort.ts'
import { MICROSOFT, makeNode } from './make.ts'
import { matmulNBits } from './matmul-nbits.ts'

const WIDTH = 32
const COLUMNS = 96
const target = { ...ort, matmulNBits: { ...ort.matmulNBits!, accuracyLevel: { 2: 0, 4: 0, 8: 0 } } }
const spec: IntegerSpec = {
  family: 'integer',
  bits: 4,
  granularity: { kind: 'block', size: 16 },
  symmetric: false,
  scale: 'f32',
}
const view = { stack: 1, channels: COLUMNS, depth: WIDTH, along: 'column' } as const

function lowered(node: Node, opset = 17) {
  const weight = quantizedWeight(spec, view)
  const w = floatTensor('w', [WIDTH, COLUMNS], weight.values)
  const plain = plainModel({
    nodes: [node],
    initializers: [w, floatTensor('b', [COLUMNS], randomFloats(COLUMNS, 3))],
    inputs: [
      { name: 'x', dtype: 'f32', shape: [2, 5, WIDTH] },
      ...(node.inputs.includes('mask') ? [{ name: 'mask', dtype: 'i32' as const, shape: [2, 5] }] : []),
    ],
    outputs: [{ name: 'y', dtype: 'f32', shape: [2, 5, null] }],
    opset,
    irVersion: 8,
  })
  const model = { ...plain, opsets: [...plain.opsets, { domain: MICROSOFT, version: 1 }] }
  const facts = weightFacts(w, [weightUse(node, 1, 'matmul', view, 1)])
  const refusal = matmulNBits.accepts(facts, facts.uses[0], spec, target)
  const result = loweredBy(
    matmulNBits,
    model,
    facts,
    weight,
    packedRefs(weight, 'onnx/nbits', [WIDTH, COLUMNS], 'w'),
    target,
  )
  return { model, result, refusal }
}

const attention = (inputs: string[], attributes = {}, outputs = ['y']) =>
  makeNode('Attention', inputs, outputs, { num_heads: 4, ...attributes }, MICROSOFT)
const x = [[2, 5, WIDTH], randomFloats(10 * WIDTH, 5)] as const
const mask = [[2, 5], [1, 1, 1, 1, 1, 1, 1, 1, 0, 0], 'i32'] as const

describe('Attention', () => {
  it.each([
    ['bias and mask', ['x', 'w', 'b', 'mask'], {}, 17],
    ['causal, a scale of its own, an earlier opset', ['x', 'w', 'b'], { unidirectional: 1, scale: { float: 0.5 } }, 12],
    ['narrower values', ['x', 'w', 'b'], { qkv_hidden_sizes: [40, 40, 16] }, 17],
  ] as const)('a product in front of the same attention: %s', async (_, inputs, attributes, opset) => {
    const { model, result, refusal } = lowered(attention([...inputs], attributes), opset)
    expect(refusal).toBeNull()
    expect(result.graph.nodes.map(({ op }) => op)).toEqual(['MatMulNBits', 'Split', 'MultiHeadAttention'])
    await expectSameOutputs(model, result, { x, ...(inputs.length > 3 ? { mask } : {}) }, 1e-5)
  })

  it.each([
    ['a past', attention(['x', 'w', 'b', '', 'past']), /earlier runs/],
    ['a present', attention(['x', 'w', 'b'], {}, ['y', 'present']), /later runs/],
    ['a rotation', attention(['x', 'w', 'b'], { do_rotary: 1 }), /rotates/],
    ['other sizes', attention(['x', 'w', 'b'], { qkv_hidden_sizes: [32, 32, 16] }), /do not fit/],
  ])('stays with %s', (_, node, said) => {
    const facts = weightFacts(floatTensor('w', [WIDTH, COLUMNS], randomFloats(WIDTH * COLUMNS, 1)), [
      weightUse(node, 1, 'matmul', view, 1),
    ])
    expect(matmulNBits.accepts(facts, facts.uses[0], spec, target)?.text).toMatch(said)
  })
})

describe('fused products', () => {
  it('FusedMatMul keeps its factor', async () => {
    const { model, result } = lowered(makeNode('FusedMatMul', ['x', 'w'], ['y'], { alpha: { float: 0.25 } }, MICROSOFT))
    expect(result.graph.nodes.map(({ op }) => op)).toEqual(['MatMulNBits', 'Mul'])
    await expectSameOutputs(model, result, { x }, 1e-5)
  })

  it.each([
    ['FusedMatMul', { transA: 1 }],
    ['FusedGemm', { activation: 'Relu' }],
    ['GemmFastGelu', {}],
  ])('%s that does more stays', (op, attributes) => {
    const node = makeNode(op, ['x', 'w'], ['y'], attributes, MICROSOFT)
    const role = op === 'FusedMatMul' ? 'matmul' : 'gemm'
    const facts = weightFacts(floatTensor('w', [WIDTH, COLUMNS], randomFloats(WIDTH * COLUMNS, 1)), [
      weightUse(node, 1, role, view, 1),
    ])
    expect(matmulNBits.accepts(facts, facts.uses[0], spec, target)?.code).toBe('fused')
  })
})
