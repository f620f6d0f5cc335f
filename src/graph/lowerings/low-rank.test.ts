import { describe, expect, test } from 'vitest'
import { applied, contextOf, expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  quantizedWeight,
  randomFloats,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import type { TensorRef } from '../../model/graph.ts'
import type { Lowering } from '../../model/lowering.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { packCodes } from '../../numbers/int.ts'
import { ort } from '../../targets/ort.ts'
import { dequantize } from './dequantize.ts'
import { expand } from './expand.ts'
import { makeNode } from './make.ts'
import { matmulNBits } from './matmul-nbits.ts'

const [K, N, RANK] = [48, 6, 3]
const target = { ...ort, matmulNBits: { ...ort.matmulNBits!, accuracyLevel: { 2: 0, 4: 0, 8: 0 } } }
const blocks: IntegerSpec = {
  ...{ family: 'integer', bits: 4, symmetric: true, scale: 'f32' },
  granularity: { kind: 'block', size: 16 },
}

function factor(name: string, rows: number, columns: number, bits: 4 | 8): { tensor: TensorRef; codes: number[] } {
  const half = 2 ** (bits - 1)
  const codes = Array.from(randomFloats(rows * columns, rows), (one) => Math.trunc(one * half) % half)
  const bytes = packCodes(
    Uint8Array.from(codes, (code) => code + half),
    bits,
    half,
  )
  const storage = { kind: 'bytes', bytes, byteLength: bytes.length } as const
  return { tensor: { name, dtype: bits === 4 ? 'i4' : 'i8', shape: [rows, columns], storage }, codes }
}

/** first times (second times scales). */
function correction(rows: number, columns: number, bits: 4 | 8) {
  const [first, second] = [factor('w.u', rows, RANK, bits), factor('w.v', RANK, columns, bits)]
  const steps = [0.01, 0.003, -0.002]
  const scales = { ...floatTensor('w.w', [RANK, 1], Float32Array.from(steps)) }
  const values = Float32Array.from({ length: rows * columns }, (_, i) => {
    let sum = 0
    for (let j = 0; j < RANK; j++) {
      sum += first.codes[Math.floor(i / columns) * RANK + j]! * second.codes[j * columns + (i % columns)]! * steps[j]!
    }
    return sum
  })
  return { refs: { first: first.tensor, second: second.tensor, scales }, values }
}

async function expectCorrected(
  lowering: Lowering,
  op: 'MatMul' | 'Gemm',
  {
    bits = 4 as 4 | 8,
    opset = 21,
    attributes = {},
  }: { bits?: 4 | 8; opset?: number; attributes?: Record<string, number> } = {},
): Promise<readonly string[]> {
  const byRows = attributes.transB === 1
  const view = { stack: 1, channels: N, depth: K, along: byRows ? 'row' : 'column' } as const
  const shape = byRows ? [N, K] : [K, N]
  const coded = quantizedWeight(blocks, view)
  const isNode = lowering.kind === 'node'
  const { refs, values } = isNode || !byRows ? correction(K, N, bits) : correction(N, K, bits)
  const at = (i: number): number => (isNode && byRows ? values[(i % K) * N + Math.floor(i / K)]! : values[i]!)
  const w = floatTensor(
    'w',
    shape,
    coded.values.map((one, i) => one + at(i)),
  )
  const { alpha, ...ints } = attributes
  const node = makeNode(op, ['x', 'w', ...(op === 'Gemm' ? ['c'] : [])], ['y'], {
    ...ints,
    ...(alpha === undefined ? {} : { alpha: { float: alpha } }),
  })
  const lead = op === 'Gemm' ? [5] : [2, 5]
  const model = plainModel({
    nodes: [node],
    initializers: [w, ...(op === 'Gemm' ? [floatTensor('c', [N], randomFloats(N, 9))] : [])],
    inputs: [{ name: 'x', dtype: 'f32', shape: [...lead, K] }],
    outputs: [{ name: 'y', dtype: 'f32', shape: [...lead, N] }],
    opset,
  })
  const facts = weightFacts(w, [weightUse(node, 1, op === 'Gemm' ? 'gemm' : 'matmul', view, byRows ? 0 : 1)])
  const packed = packedRefs(coded, isNode ? 'onnx/nbits' : 'onnx/elements', shape, 'w')
  const edits = lowering.lower(facts, facts.uses, blocks, { ...packed, lowRank: refs }, contextOf(model, target))
  const added = [refs.first, refs.second, refs.scales]
  const lowered = applied(model, [], [packed], [{ scope: [], addInitializers: added }, ...edits])
  const count = lead.reduce((a, b) => a * b, 1)
  await expectSameOutputs(model, lowered, { x: [[...lead, K], randomFloats(count * K, 5)] }, 2e-5)
  return lowered.graph.nodes.map(({ op: one }) => one)
}

describe('a correction of low rank', () => {
  test('beside the product of MatMulNBits, batches and all', async () => {
    const ops = await expectCorrected(matmulNBits, 'MatMul')
    expect(ops).toEqual(['Cast', 'Cast', 'Mul', 'MatMulNBits', 'MatMul', 'MatMul', 'Add'])
    await expectCorrected(matmulNBits, 'MatMul', { bits: 8, opset: 13 })
  })

  test('inside what alpha and C of a Gemm are applied to', async () => {
    await expectCorrected(matmulNBits, 'Gemm', { attributes: { transB: 1, alpha: 0.5 } })
  })

  test.each([
    ['expand', expand],
    ['dequantize', dequantize],
  ] as const)('added to the value of %s, in the order of the file', async (_, lowering) => {
    await expectCorrected(lowering, 'MatMul')
    await expectCorrected(lowering, 'Gemm', { attributes: { transB: 1 } })
    await expectCorrected(lowering, 'Gemm', { bits: 8, attributes: { transB: 1, alpha: 2 } })
  })
})
