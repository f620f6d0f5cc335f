import { describe, expect, it } from 'vitest'
import { arbitraryTensor } from '../../../test/contracts/packing.ts'
import { floatsIn, lifted, operators } from '../../../test/fixtures/lifted.ts'
import { expectSameOutputs, loweredBy } from '../../../test/fixtures/lowered.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  randomFloats,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { CodedSpec } from '../../model/packing.ts'
import { decode, parseSchemeId } from '../../schemes/index.ts'
import { ort } from '../../targets/ort.ts'
import { makeNode } from '../lowerings/make.ts'
import { matmulBnb4 } from '../lowerings/matmul-bnb4.ts'

describe('MatMulBnb4 back to MatMul', () => {
  for (const [id, K, N] of [
    ['nf4-block16', 32, 5],
    ['fp4-run16-f16', 43, 5],
    ['nf4-run64', 7, 3],
  ] as const) {
    it(`${id}, ${K} x ${N}`, async () => {
      const view = { stack: 1, channels: N, depth: K, along: 'column' } as const
      const tensor = arbitraryTensor(parseSchemeId(id) as CodedSpec, view, 4)
      const values = decode(tensor, createKernelsSync())
      const w = floatTensor('w', [K, N], values)
      const node = makeNode('MatMul', ['x', 'w'], ['y'])
      const model = plainModel({
        nodes: [node],
        initializers: [w],
        inputs: [{ name: 'x', dtype: 'f32', shape: [2, K] }],
        outputs: [{ name: 'y', dtype: 'f32', shape: [2, N] }],
        opset: 13,
      })
      const facts = weightFacts(w, [weightUse(node, 1, 'matmul', view, 1)])
      const refs = packedRefs({ tensor, values }, 'onnx/bnb4', [K, N], 'w')
      const lowered = loweredBy(matmulBnb4, model, facts, { tensor, values }, refs, ort)
      const back = await lifted(lowered)
      expect(operators(back.model)).toEqual(['MatMul'])
      expect(back.kept).toEqual([])
      const [one] = back.tensors
      expect([...(await floatsIn(back.model, one?.name ?? ''))].map((value) => value + 0)).toEqual(
        [...values].map((value) => value + 0),
      )
      await expectSameOutputs(model, back.model, { x: [[2, K], randomFloats(2 * K, 5)] }, 1e-6)
    })
  }
})
