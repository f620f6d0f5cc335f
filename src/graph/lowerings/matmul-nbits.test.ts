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
import type { DType } from '../../model/dtype.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { ort } from '../../targets/ort.ts'
import { makeNode } from './make.ts'
import { matmulNBits } from './matmul-nbits.ts'

const K = 48
const N = 6
/** Level 0 computes in floats, so only rounding separates it from the decoded weights. */
const target = { ...ort, matmulNBits: { ...ort.matmulNBits!, accuracyLevel: { 2: 0, 4: 0, 8: 0 } } }

function block(bits: 2 | 4 | 8, symmetric: boolean, scale: 'f32' | 'f16' = 'f32', size = 32): IntegerSpec {
  return { family: 'integer', bits, granularity: { kind: 'block', size }, symmetric, scale }
}

describe('MatMul', () => {
  for (const bits of [2, 4, 8] as const) {
    for (const symmetric of [true, false]) {
      it(`${bits} bits, ${symmetric ? 'symmetric' : 'with zeros'}, short last block, f16 scales behind a Cast`, async () => {
        const view = { stack: 1, channels: N, depth: K, along: 'column' } as const
        const weight = quantizedWeight(block(bits, symmetric, 'f16'), view)
        const w = floatTensor('w', [K, N], weight.values)
        const node = makeNode('MatMul', ['x', 'w'], ['y'])
        const model = plainModel({
          nodes: [node],
          initializers: [w],
          inputs: [{ name: 'x', dtype: 'f32', shape: [2, 3, K] }],
          outputs: [{ name: 'y', dtype: 'f32', shape: [2, 3, N] }],
          opset: 13,
        })
        const facts = weightFacts(w, [weightUse(node, 1, 'matmul', view, 1)])
        const lowered = loweredBy(
          matmulNBits,
          model,
          facts,
          weight,
          packedRefs(weight, 'onnx/nbits', [K, N], 'w'),
          target,
        )
        expect(lowered.graph.nodes.map((item) => item.op)).toEqual(['Cast', 'MatMulNBits'])
        await expectSameOutputs(model, lowered, { x: [[2, 3, K], randomFloats(6 * K, 5)] }, 1e-5)
      })
    }
  }

  it('takes the accuracy level of the target', () => {
    const view = { stack: 1, channels: N, depth: K, along: 'column' } as const
    const weight = quantizedWeight(block(4, true), view)
    const w = floatTensor('w', [K, N], weight.values)
    const node = makeNode('MatMul', ['x', 'w'], ['y'])
    const model = plainModel({
      nodes: [node],
      initializers: [w],
      inputs: [{ name: 'x', dtype: 'f32', shape: [1, K] }],
      outputs: [{ name: 'y' }],
    })
    const facts = weightFacts(w, [weightUse(node, 1, 'matmul', view, 1)])
    const lowered = loweredBy(matmulNBits, model, facts, weight, packedRefs(weight, 'onnx/nbits', [K, N], 'w'), ort)
    const level = lowered.graph.nodes[0]?.attributes.find((item) => item.name === 'accuracy_level')
    expect(level).toMatchObject({ kind: 'int', value: ort.matmulNBits!.accuracyLevel[4] })
  })

  // Packed ahead, scales behind a Cast would count as zeros in sessions without optimization on CPUs with VNNI.
  it.each([
    ['f16 weights cast to f32, f16 scales', 'f16', 'f16', ['Cast'], 0],
    ['f16 weights cast to f32, f32 scales', 'f16', 'f32', ['Cast'], 4],
    ['f16 weights in f16, f32 scales', 'f16', 'f32', [], 0],
    ['f16 weights in f16, f16 scales', 'f16', 'f16', [], 0],
    ['f32 weights, f16 scales', 'f32', 'f16', [], 0],
  ] as const)('level 4 only where the scales are constants: %s', (_, dtype, scale, path, expected) => {
    const view = { stack: 1, channels: N, depth: K, along: 'column' } as const
    const weight = quantizedWeight(block(4, true, scale), view)
    const w = floatTensor('w', [K, N], weight.values, dtype)
    const cast = makeNode('Cast', ['w'], ['wf'], { to: 1 })
    const product = makeNode('MatMul', ['x', path.length > 0 ? 'wf' : 'w'], ['y'])
    const model = plainModel({
      nodes: path.length > 0 ? [cast, product] : [product],
      initializers: [w],
      inputs: [{ name: 'x' }],
      outputs: [{ name: 'y' }],
    })
    const steps = path.map(() => ({ op: 'Cast' as const, node: cast }))
    const facts = weightFacts(w, [weightUse(product, 1, 'matmul', view, 1, steps)])
    const lowered = loweredBy(matmulNBits, model, facts, weight, packedRefs(weight, 'onnx/nbits', [K, N], 'w'), ort)
    const made = lowered.graph.nodes.find((item) => item.op === 'MatMulNBits')
    expect(made?.attributes.find((item) => item.name === 'accuracy_level')).toMatchObject({ value: expected })
  })

  it('two nodes read one packed weight and one Cast of its scales', async () => {
    const view = { stack: 1, channels: N, depth: K, along: 'column' } as const
    const weight = quantizedWeight(block(4, true, 'f16'), view)
    const w = floatTensor('w', [K, N], weight.values)
    const nodes = [
      makeNode('MatMul', ['x', 'w'], ['a']),
      makeNode('MatMul', ['z', 'w'], ['b']),
      makeNode('Add', ['a', 'b'], ['y']),
    ]
    const model = plainModel({
      nodes,
      initializers: [w],
      inputs: ['x', 'z'].map((name) => ({ name, dtype: 'f32', shape: [2, K] })),
      outputs: [{ name: 'y', dtype: 'f32', shape: [2, N] }],
    })
    const facts = weightFacts(
      w,
      nodes.slice(0, 2).map((node) => weightUse(node, 1, 'matmul', view, 1)),
    )
    const lowered = loweredBy(matmulNBits, model, facts, weight, packedRefs(weight, 'onnx/nbits', [K, N], 'w'), target)
    expect(lowered.graph.nodes.map((item) => item.op)).toEqual(['Cast', 'MatMulNBits', 'MatMulNBits', 'Add'])
    await expectSameOutputs(
      model,
      lowered,
      { x: [[2, K], randomFloats(2 * K, 5)], z: [[2, K], randomFloats(2 * K, 6)] },
      1e-5,
    )
  })

  it('a weight behind a Transpose, in half precision', async () => {
    const view = { stack: 1, channels: N, depth: K, along: 'row' } as const
    const weight = quantizedWeight(block(4, true, 'f16'), view)
    const w = floatTensor('w', [N, K], weight.values, 'f16')
    const transpose = makeNode('Transpose', ['w'], ['wt'], { perm: [1, 0] })
    const node = makeNode('MatMul', ['x', 'wt'], ['y'])
    const model = plainModel({
      nodes: [transpose, node],
      initializers: [w],
      inputs: [{ name: 'x', dtype: 'f16', shape: [2, K] }],
      outputs: [{ name: 'y', dtype: 'f16', shape: [2, N] }],
    })
    const facts = weightFacts(w, [weightUse(node, 1, 'matmul', view, 0, [{ op: 'Transpose', node: transpose }])])
    const lowered = loweredBy(matmulNBits, model, facts, weight, packedRefs(weight, 'onnx/nbits', [N, K], 'w'), target)
    await expectSameOutputs(model, lowered, { x: [[2, K], randomFloats(2 * K, 5), 'f16'] }, 4e-3)
  })
})

describe('Gemm', () => {
  const cases: {
    name: string
    attributes: Record<string, number | { float: number }>
    c: readonly number[] | null
    dtype: DType
  }[] = [
    { name: 'plain with bias', attributes: { transB: 1 }, c: [N], dtype: 'f32' },
    { name: 'no C', attributes: { transB: 1, alpha: { float: 0.5 } }, c: null, dtype: 'f32' },
    {
      name: 'alpha, beta, transA, scalar C',
      attributes: { transB: 1, transA: 1, alpha: { float: 0.5 }, beta: { float: -2 } },
      c: [],
      dtype: 'f32',
    },
    { name: '2-D C of one column', attributes: { transB: 1, beta: { float: 3 } }, c: [4, 1], dtype: 'f32' },
    {
      name: 'full C in half precision',
      attributes: { transB: 1, alpha: { float: 0.5 }, beta: { float: 3 } },
      c: [4, N],
      dtype: 'f16',
    },
  ]
  for (const { name, attributes, c, dtype } of cases) {
    it(name, async () => {
      const view = { stack: 1, channels: N, depth: K, along: 'row' } as const
      const weight = quantizedWeight(block(4, false, dtype === 'f16' ? 'f16' : 'f32', 16), view)
      const w = floatTensor('w', [N, K], weight.values, dtype)
      const node = makeNode('Gemm', c === null ? ['x', 'w'] : ['x', 'w', 'c'], ['y'], attributes)
      const shape = attributes.transA === 1 ? [K, 4] : [4, K]
      const model = plainModel({
        nodes: [node],
        initializers:
          c === null
            ? [w]
            : [
                w,
                floatTensor(
                  'c',
                  c,
                  randomFloats(
                    c.reduce((a, b) => a * b, 1),
                    9,
                  ),
                  dtype,
                ),
              ],
        inputs: [{ name: 'x', dtype, shape }],
        outputs: [{ name: 'y', dtype, shape: [4, N] }],
        opset: 13,
      })
      const facts = weightFacts(w, [weightUse(node, 1, 'gemm', view, 0)])
      expect(matmulNBits.accepts(facts, facts.uses[0], weight.tensor.spec, target)).toBeNull()
      const lowered = loweredBy(
        matmulNBits,
        model,
        facts,
        weight,
        packedRefs(weight, 'onnx/nbits', [N, K], 'w'),
        target,
      )
      await expectSameOutputs(
        model,
        lowered,
        { x: [shape, randomFloats(4 * K, 5), dtype] },
        dtype === 'f16' ? 6e-3 : 1e-5,
      )
    })
  }
})

describe('refusals say why', () => {
  const view = { stack: 1, channels: N, depth: K, along: 'column' } as const
  const w = floatTensor('w', [K, N], randomFloats(K * N, 1))
  const node = makeNode('MatMul', ['x', 'w'], ['y'])
  const use = weightUse(node, 1, 'matmul', view, 1)
  const code = (
    facts = weightFacts(w, [use]),
    one = facts.uses[0],
    spec: IntegerSpec = block(4, true),
  ): string | undefined => matmulNBits.accepts(facts, one, spec, target)?.code

  it('names each', () => {
    expect(code()).toBeUndefined()
    expect(code(weightFacts(w, [use], { pinned: true }))).toBe('pinned')
    expect(code(weightFacts(w, [use], { scope: ['function', 'a::b'] }))).toBe('function')
    expect(code(weightFacts(w, [{ ...use, role: 'matmul-left' }]))).toBe('role')
    expect(code(weightFacts(w, [{ ...use, view: { ...view, stack: 2 } }]))).toBe('stack')
    expect(code(weightFacts(w, [{ ...use, view: null }]))).toBe('view')
    expect(code(weightFacts(w, [{ ...use, path: [{ op: 'Mul', node }] }]))).toBe('path')
    expect(code(weightFacts(w, [{ ...use, path: [{ op: 'Unsqueeze', node }] }]))).toBe('rank')
    expect(code(weightFacts({ ...w, dtype: 'f64' }, [use]))).toBe('dtype')
    expect(code(undefined, undefined, block(4, true, 'f32', 512))).toBe('target')
    expect(code(undefined, undefined, { ...block(4, true), granularity: { kind: 'channel' } })).toBe('scheme')
    expect(
      matmulNBits.accepts(weightFacts(w, [use]), use, block(4, true), { ...target, matmulNBits: null })?.code,
    ).toBe('target')
  })
})
