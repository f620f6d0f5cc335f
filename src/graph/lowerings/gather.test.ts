import { describe, expect, it } from 'vitest'
import { expectSameOutputs, loweredBy } from '../../../test/fixtures/lowered.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  quantizedWeight,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import type { DType } from '../../model/dtype.ts'
import type { Lowering } from '../../model/lowering.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Granularity } from '../../model/scheme.ts'
import { ort } from '../../targets/ort.ts'
import { gatherBlock } from './gather-block.ts'
import { gatherRows } from './gather-rows.ts'
import { makeNode } from './make.ts'
import { matmulNBits } from './matmul-nbits.ts'

const ROWS = 10
const INDICES: readonly [readonly number[], readonly number[]][] = [
  [[], [3]],
  [[4], [3, 0, 9, -7]],
  [
    [2, 1, 2],
    [1, -1, 5, 5],
  ],
]

/** A table of `columns` looked up by indices of each rank, before and after. */
async function checkGather(
  lowering: Lowering,
  packing: string,
  spec: IntegerSpec,
  rest: readonly number[],
  dtype: DType,
  opset: number,
  tolerance: number,
): Promise<void> {
  const columns = rest.reduce((total, size) => total * size, 1)
  const view = { stack: 1, channels: ROWS, depth: columns, along: 'row' } as const
  const weight = quantizedWeight(spec, view)
  const shape = [ROWS, ...rest]
  const w = floatTensor('w', shape, weight.values, dtype)
  const node = makeNode('Gather', ['w', 'ids'], ['y'])
  const facts = weightFacts(w, [weightUse(node, 0, 'gather', view, 0)])
  expect(lowering.accepts(facts, facts.uses[0], spec, ort)).toBeNull()
  for (const [ranks, indices] of INDICES) {
    if (opset < 11 && indices.some((index) => index < 0)) continue
    const model = plainModel({
      nodes: [node],
      initializers: [w],
      inputs: [{ name: 'ids', dtype: 'i64', shape: ranks }],
      outputs: [{ name: 'y', dtype, shape: [...ranks, ...rest] }],
      opset,
    })
    const lowered = loweredBy(lowering, model, facts, weight, packedRefs(weight, packing, shape, 'w'), ort)
    await expectSameOutputs(model, lowered, { ids: [ranks, indices, 'i64'] }, tolerance)
  }
}

describe('onnx/gather-rows', () => {
  for (const granularity of [{ kind: 'channel' }, { kind: 'tensor' }] as const satisfies readonly Granularity[]) {
    for (const symmetric of [true, false]) {
      it(`${granularity.kind}, ${symmetric ? 'symmetric' : 'with zeros'}`, async () => {
        for (const scale of ['f32', 'f16'] as const) {
          const spec: IntegerSpec = { family: 'integer', bits: 8, granularity, symmetric, scale }
          for (const opset of [gatherRows.minOpset(spec), 13, 21]) {
            await checkGather(gatherRows, 'onnx/elements', spec, [12], 'f32', opset, 1e-6)
            if (granularity.kind === 'tensor')
              await checkGather(gatherRows, 'onnx/elements', spec, [3, 4], 'f32', opset, 1e-6)
          }
          await checkGather(gatherRows, 'onnx/elements', spec, [12], 'f16', 13, 1e-3)
        }
      })
    }
  }

  it('refuses blocks, other widths, other axes', () => {
    const view = { stack: 1, channels: ROWS, depth: 12, along: 'row' } as const
    const spec: IntegerSpec = {
      family: 'integer',
      bits: 8,
      granularity: { kind: 'channel' },
      symmetric: true,
      scale: 'f32',
    }
    const w = floatTensor('w', [ROWS, 12], new Float32Array(120))
    const node = makeNode('Gather', ['w', 'ids'], ['y'])
    const use = weightUse(node, 0, 'gather', view, 0)
    const facts = weightFacts(w, [use])
    expect(gatherRows.accepts(facts, use, { ...spec, bits: 4 }, ort)?.code).toBe('scheme')
    expect(gatherRows.accepts(facts, use, { ...spec, granularity: { kind: 'block', size: 4 } }, ort)?.code).toBe(
      'scheme',
    )
    expect(gatherRows.accepts(facts, { ...use, role: 'matmul' }, spec, ort)?.code).toBe('role')
    const other = { ...use, node: makeNode('Gather', ['w', 'ids'], ['y'], { axis: 1 }) }
    expect(gatherRows.accepts(facts, other, spec, ort)?.code).toBe('axis')
    const turned = { ...use, path: [{ op: 'Transpose' as const, node }] }
    expect(gatherRows.accepts(facts, turned, spec, ort)?.code).toBe('path')
  })
})

describe('onnx/gather-block', () => {
  for (const bits of [2, 4, 8] as const) {
    for (const symmetric of [true, false]) {
      it(`${bits} bits, ${symmetric ? 'symmetric' : 'with zeros'}`, async () => {
        for (const scale of ['f32', 'f16'] as const) {
          const spec: IntegerSpec = {
            family: 'integer',
            bits,
            granularity: { kind: 'block', size: 16 },
            symmetric,
            scale,
          }
          for (const opset of [gatherBlock.minOpset(spec), 21]) {
            await checkGather(gatherBlock, 'onnx/gather-block', spec, [48], 'f32', opset, 1e-6)
            await checkGather(gatherBlock, 'onnx/nbits', spec, [48], 'f32', opset, 1e-6)
            // The last block of an 'onnx/nbits' row is filled up.
            await checkGather(gatherBlock, 'onnx/nbits', spec, [40], 'f32', opset, 1e-6)
          }
          await checkGather(gatherBlock, 'onnx/gather-block', spec, [48], 'f16', 13, 2e-3)
        }
      })
    }
  }

  it('shares its codes with a head that multiplies by the transpose', async () => {
    for (const scale of ['f32', 'f16'] as const) {
      const spec: IntegerSpec = {
        family: 'integer',
        bits: 4,
        granularity: { kind: 'block', size: 32 },
        symmetric: false,
        scale,
      }
      const view = { stack: 1, channels: ROWS, depth: 48, along: 'row' } as const
      const weight = quantizedWeight(spec, view)
      const w = floatTensor('w', [ROWS, 48], weight.values)
      const gather = makeNode('Gather', ['w', 'ids'], ['h'])
      const transpose = makeNode('Transpose', ['w'], ['wt'], { perm: [1, 0] })
      const head = makeNode('MatMul', ['h', 'wt'], ['y'])
      const model = plainModel({
        nodes: [transpose, gather, head],
        initializers: [w],
        inputs: [{ name: 'ids', dtype: 'i64', shape: [1, 3] }],
        outputs: [{ name: 'y', dtype: 'f32', shape: [1, 3, ROWS] }],
        opset: 14,
      })
      const looked = weightUse(gather, 0, 'gather', view, 0)
      const multiplied = weightUse(head, 1, 'matmul', view, 0, [{ op: 'Transpose', node: transpose }])
      const facts = weightFacts(w, [looked, multiplied])
      const packed = packedRefs(weight, 'onnx/nbits', [ROWS, 48], 'w')
      const target = { ...ort, matmulNBits: { ...ort.matmulNBits!, accuracyLevel: {} } }
      const { applied, contextOf } = await import('../../../test/fixtures/lowered.ts')
      const context = contextOf(model, target)
      const lowered = applied(
        model,
        [],
        [packed],
        [
          ...gatherBlock.lower(facts, [looked], spec, packed, context),
          ...matmulNBits.lower(facts, [multiplied], spec, packed, context),
        ],
      )
      await expectSameOutputs(model, lowered, { ids: [[1, 3], [4, -2, 0], 'i64'] }, 1e-5)
    }
  })
})
