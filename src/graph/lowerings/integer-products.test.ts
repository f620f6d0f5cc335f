import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applied, contextOf, expectSameOutputs, loweredBy, ortTensor } from '../../../test/fixtures/lowered.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  quantizedWeight,
  randomFloats,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import { runOnnx } from '../../../test/fixtures/run-onnx.ts'
import type { Model } from '../../model/graph.ts'
import type { Lowering } from '../../model/lowering.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { ort } from '../../targets/ort.ts'
import { dynamicMatmul } from './dynamic-matmul.ts'
import { makeNode } from './make.ts'
import { matmulInteger } from './matmul-integer.ts'
import { matmulIntegerRows } from './matmul-integer-rows.ts'
import { shareDynamic } from './share-dynamic.ts'

const K = 48
const N = 6

function spec(symmetric: boolean, kind: 'channel' | 'tensor' = 'channel'): IntegerSpec {
  return { family: 'integer', bits: 8, granularity: { kind }, symmetric, scale: 'f32' }
}

for (const lowering of [matmulInteger, matmulIntegerRows, dynamicMatmul] satisfies Lowering[]) {
  describe(lowering.id, () => {
    for (const shape of [[K], [3, K], [2, 3, K]]) {
      it(`MatMul of an activation of rank ${shape.length}`, async () => {
        const view = { stack: 1, channels: N, depth: K, along: 'column' } as const
        for (const [packing, one] of [
          ['onnx/kn', spec(true)],
          ['onnx/kn', spec(false)],
          ['onnx/kn', spec(true, 'tensor')],
          ['onnx/kn-s8', spec(true)],
        ] as const) {
          const weight = quantizedWeight(one, view)
          const w = floatTensor('w', [K, N], weight.values)
          const node = makeNode('MatMul', ['x', 'w'], ['y'])
          const facts = weightFacts(w, [weightUse(node, 1, 'matmul', view, 1)])
          expect(lowering.accepts(facts, facts.uses[0], one, ort)).toBeNull()
          const model = plainModel({
            nodes: [node],
            initializers: [w],
            inputs: [{ name: 'x', dtype: 'f32', shape }],
            outputs: [{ name: 'y', dtype: 'f32', shape: [...shape.slice(0, -1), N] }],
            opset: lowering.minOpset(one),
          })
          const lowered = loweredBy(lowering, model, facts, weight, packedRefs(weight, packing, [K, N], 'w'), ort)
          // Only the activation is rounded, to 1/255 of its range. Signed codes may saturate on some CPUs, so the wide tolerance.
          const count = shape.reduce((a, b) => a * b, 1)
          const x = Float32Array.from(randomFloats(count, 5), (value) => (packing === 'onnx/kn-s8' ? value / 4 : value))
          await expectSameOutputs(model, lowered, { x: [shape, x] }, packing === 'onnx/kn-s8' ? 0.3 : 0.015)
        }
      })
    }

    it('Gemm with transA, alpha, beta and C, from a weight stored [N, K]', async () => {
      const view = { stack: 1, channels: N, depth: K, along: 'row' } as const
      for (const dtype of ['f32', 'f16'] as const) {
        const weight = quantizedWeight(spec(false), view)
        const w = floatTensor('w', [N, K], weight.values, dtype)
        const attributes = { transA: 1, transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } }
        const node = makeNode('Gemm', ['x', 'w', 'c'], ['y'], attributes)
        const facts = weightFacts(w, [weightUse(node, 1, 'gemm', view, 0)])
        expect(lowering.accepts(facts, facts.uses[0], weight.tensor.spec, ort)).toBeNull()
        const model = plainModel({
          nodes: [node],
          initializers: [w, floatTensor('c', [N], randomFloats(N, 9), dtype)],
          inputs: [{ name: 'x', dtype, shape: [K, 4] }],
          outputs: [{ name: 'y', dtype, shape: [4, N] }],
          opset: 13,
        })
        const lowered = loweredBy(lowering, model, facts, weight, packedRefs(weight, 'onnx/kn', [N, K], 'w'), ort)
        await expectSameOutputs(model, lowered, { x: [[K, 4], randomFloats(4 * K, 5), dtype] }, 0.015)
      }
    })

    it('refuses blocks and other widths', () => {
      const node = makeNode('MatMul', ['x', 'w'], ['y'])
      const use = weightUse(node, 1, 'matmul', { stack: 1, channels: N, depth: K, along: 'column' }, 1)
      const facts = weightFacts(floatTensor('w', [K, N], new Float32Array(K * N)), [use])
      expect(lowering.accepts(facts, use, { ...spec(true), bits: 4 }, ort)?.code).toBe('scheme')
      expect(lowering.accepts(facts, use, { ...spec(true), granularity: { kind: 'block', size: 16 } }, ort)?.code).toBe(
        'scheme',
      )
    })
  })
}

/** Three weights on one activation, one of them with a bias. */
function threeProducts(): { readonly model: Model; readonly lowered: Model } {
  const view = { stack: 1, channels: N, depth: K, along: 'column' } as const
  const names = ['q', 'k', 'v']
  const weights = names.map((_, index) => quantizedWeight(spec(true), view, index + 1))
  const tensors = names.map((name, index) => floatTensor(name, [K, N], weights[index]!.values))
  const products = names.map((name) => makeNode('MatMul', ['x', name], [`${name}/y`]))
  const model = plainModel({
    nodes: [
      ...products,
      makeNode('Add', ['q/y', 'bias'], ['qb']),
      makeNode('Concat', ['qb', 'k/y', 'v/y'], ['y'], { axis: 1 }),
    ],
    initializers: [...tensors, floatTensor('bias', [N], randomFloats(N, 3))],
    inputs: [{ name: 'x', dtype: 'f32', shape: [4, K] }],
    outputs: [{ name: 'y', dtype: 'f32', shape: [4, 3 * N] }],
    opset: 13,
  })
  const context = contextOf(model, ort)
  const packed = names.map((name, index) => packedRefs(weights[index]!, 'onnx/kn', [K, N], name))
  const edits = names.flatMap((_, index) => {
    const facts = weightFacts(tensors[index]!, [weightUse(products[index]!, 1, 'matmul', view, 1)])
    return matmulInteger.lower(facts, facts.uses, spec(true), packed[index]!, context)
  })
  return { model, lowered: applied(model, [], packed, edits) }
}

describe('one activation, several weights', () => {
  it('is quantized once after sharing, and gives the same', async () => {
    const { model, lowered } = threeProducts()
    const shared = { ...lowered, graph: shareDynamic(lowered.graph) }
    const count = (of: Model): number => of.graph.nodes.filter((node) => node.op === 'DynamicQuantizeLinear').length
    expect([count(lowered), count(shared)]).toEqual([3, 1])
    await expectSameOutputs(model, shared, { x: [[4, K], randomFloats(4 * K, 5)] }, 0.015)
    expect(shareDynamic(shared.graph)).toBe(shared.graph)
  })

  it('is what onnxruntime fuses', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tersor-'))
    try {
      const path = join(folder, 'optimized.onnx')
      const { lowered } = threeProducts()
      const shared = { ...lowered, graph: shareDynamic(lowered.graph) }
      await runOnnx(shared, { x: ortTensor([[4, K], randomFloats(4 * K, 5)]) }, true, path)
      const text = readFileSync(path, 'latin1')
      // Operator types are length-prefixed strings of field 4 of a node.
      const count = (op: string): number => text.split(`"${String.fromCharCode(op.length)}${op}`).length - 1
      expect(count('DynamicQuantizeLinear')).toBe(1)
      expect(count('MatMulIntegerToFloat')).toBe(3)
      expect(count('MatMulInteger') + count('Add') + count('Mul') + count('Cast')).toBe(0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
