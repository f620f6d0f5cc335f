import { describe, expect, it } from 'vitest'
import { arbitraryTensor } from '../../../test/contracts/packing.ts'
import { expectSameOutputs, loweredBy } from '../../../test/fixtures/lowered.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  type QuantizedWeight,
  randomFloats,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { CodedSpec } from '../../model/packing.ts'
import type { MatrixView } from '../../model/scheme.ts'
import { decode, parseSchemeId } from '../../schemes/index.ts'
import { ort } from '../../targets/ort.ts'
import { lookup } from './lookup.ts'
import { float32s, makeNode } from './make.ts'
import { matmulBnb4 } from './matmul-bnb4.ts'
import { matmulNBits } from './matmul-nbits.ts'

const kernels = createKernelsSync()

/** Any codes of a scheme, with what they stand for. */
function codedWeight(id: string, view: MatrixView): QuantizedWeight {
  const tensor = arbitraryTensor(parseSchemeId(id) as CodedSpec, view, 3)
  return { tensor, values: decode(tensor, kernels) }
}

async function checkMatMul(
  lowering: typeof lookup,
  packing: string,
  id: string,
  K: number,
  N: number,
  along: 'row' | 'column',
  ops: readonly string[],
): Promise<void> {
  const view = { stack: 1, channels: N, depth: K, along } as const
  const weight = codedWeight(id, view)
  const shape = along === 'row' ? [N, K] : [K, N]
  const w = floatTensor('w', shape, weight.values)
  const gemm = along === 'row'
  const node = gemm
    ? makeNode('Gemm', ['x', 'w', 'c'], ['y'], { transB: 1, alpha: { float: 0.5 } })
    : makeNode('MatMul', ['x', 'w'], ['y'])
  const batch = gemm ? [3] : [2, 3]
  const model = plainModel({
    nodes: [node],
    initializers: gemm ? [w, float32s('c', randomFloats(N, 9))] : [w],
    inputs: [{ name: 'x', dtype: 'f32', shape: [...batch, K] }],
    outputs: [{ name: 'y', dtype: 'f32', shape: [...batch, N] }],
    opset: 13,
  })
  const facts = weightFacts(w, [weightUse(node, 1, gemm ? 'gemm' : 'matmul', view, along === 'row' ? 0 : 1)])
  expect(lowering.accepts(facts, facts.uses[0], weight.tensor.spec, ort)).toBeNull()
  const target = { ...ort, matmulNBits: { ...ort.matmulNBits!, accuracyLevel: { 2: 0, 4: 0, 8: 0 } } }
  const refs = packedRefs(weight, packing, shape, 'w')
  const lowered = loweredBy(lowering, model, facts, weight, refs, target)
  expect(lowered.graph.nodes.map(({ op }) => op).filter((op) => ops.includes(op))).toEqual(
    expect.arrayContaining([...ops]),
  )
  await expectSameOutputs(
    model,
    lowered,
    {
      x: [
        [...batch, K],
        randomFloats(
          batch.reduce((a, b) => a * b, K),
          5,
        ),
      ],
    },
    1e-4,
  )
}

describe('MatMulBnb4', () => {
  for (const table of ['nf4', 'fp4']) {
    it(`${table}: blocks that divide K, f16 scales behind a Cast`, () =>
      checkMatMul(matmulBnb4, 'onnx/bnb4', `${table}-block16-f16`, 48, 6, 'column', ['Cast', 'MatMulBnb4']))
    it(`${table}: runs from channel to channel, scales of either sign`, () =>
      checkMatMul(matmulBnb4, 'onnx/bnb4', `${table}-run64`, 43, 9, 'column', ['MatMulBnb4']))
    it(`${table}: a Gemm with its factor and what it adds`, () =>
      checkMatMul(matmulBnb4, 'onnx/bnb4', `${table}-run32`, 24, 5, 'row', ['MatMulBnb4', 'Mul', 'Add']))
  }

  it('refuses what the operator does not have', () => {
    const view = { stack: 1, channels: 4, depth: 16, along: 'column' } as const
    const w = floatTensor('w', [16, 4], new Float32Array(64))
    const facts = weightFacts(w, [weightUse(makeNode('MatMul', ['x', 'w'], ['y']), 1, 'matmul', view, 1)])
    const refusal = (id: string, target = ort) =>
      matmulBnb4.accepts(facts, facts.uses[0], parseSchemeId(id), target)?.text ?? ''
    expect(refusal('nf4-block8')).toContain('blocks of 16/32/64/128/256')
    expect(refusal('nf4-channel')).toContain('blocks')
    expect(refusal('iq4nl-block16')).toContain('nf4 and fp4')
    expect(refusal('nf4-block16', { ...ort, matmulBnb4: null })).toContain('no MatMulBnb4')
  })
})

describe('MatMulNBits', () => {
  it('ternary codes are integers of two bits', () =>
    checkMatMul(matmulNBits, 'onnx/nbits', 'ternary-block16', 40, 6, 'column', ['MatMulNBits']))
  it('and so are binary ones', () =>
    checkMatMul(matmulNBits, 'onnx/nbits', 'binary-block32', 40, 6, 'row', ['MatMulNBits']))
})

describe('lookup', () => {
  for (const id of [
    'binary-block16',
    'ternary-channel',
    'nf2-block16-f16',
    'int3-block32',
    'nf4-channel',
    'int5-block16',
  ]) {
    it(`${id} of a MatMul`, () => checkMatMul(lookup, 'onnx/lookup', id, 40, 7, 'column', ['Gather']))
    it(`${id} of a Gemm`, () => checkMatMul(lookup, 'onnx/lookup', id, 43, 7, 'row', ['Gather']))
  }
  for (const id of ['shift6-block16', 'int7-channel', 'e4m3fn-tensor', 'apot7-channel-f16']) {
    it(`${id} of a MatMul`, () => checkMatMul(lookup, 'onnx/lookup', id, 43, 6, 'column', ['Gather']))
  }
})
