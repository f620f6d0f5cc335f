import { describe, expect, it } from 'vitest'
import { applied, contextOf, distance, expectSameOutputs, floatsOf, ortTensor } from '../../../test/fixtures/lowered.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  type QuantizedWeight,
  quantizedWeight,
  randomFloats,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import { runOnnx } from '../../../test/fixtures/run-onnx.ts'
import type { Model } from '../../model/graph.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { ort } from '../../targets/ort.ts'
import { float32s, int64s, makeNode } from './make.ts'
import { matmulIntegerRows } from './matmul-integer-rows.ts'

const K = 48
const N = 6
const ROWS = 5
const VIEW = { stack: 1, channels: N, depth: K, along: 'column' } as const
const SPEC: IntegerSpec = {
  family: 'integer',
  bits: 8,
  granularity: { kind: 'channel' },
  symmetric: true,
  scale: 'f32',
}

interface Wanted {
  readonly opset?: number
  readonly contrib?: boolean
  readonly least?: number
  readonly inverse?: Float32Array
  readonly rows?: readonly number[]
}

/** Codes of seven bits: two neighbours never pass what the kernels of CPUs without VNNI add up in 16 bits, as the plan sees to it. */
function unsaturating({ tensor }: QuantizedWeight): QuantizedWeight {
  const codes = tensor.codes.map((code) => 128 + Math.trunc((code - 128) / 2))
  const values = Float32Array.from(codes, (code, i) => (tensor.scales[i % N] as number) * (code - 128))
  return { tensor: { ...tensor, codes }, values }
}

/** y = x W before and after; with `inverse` the weight of the result is W / inverse, with `rows` those are zero in codes. */
function both({ opset = 13, contrib = true, least, inverse, rows }: Wanted): { before: Model; after: Model } {
  const weight = unsaturating(quantizedWeight(SPEC, VIEW))
  const values = Float32Array.from(weight.values, (one, i) => {
    const k = Math.floor(i / N)
    return rows?.includes(k) ? 100 * Math.sin(i) : one * (inverse?.[k] ?? 1)
  })
  for (const k of rows ?? []) weight.tensor.codes.fill(128, k * N, (k + 1) * N)
  const w = floatTensor('w', [K, N], values)
  const node = makeNode('MatMul', ['x', 'w'], ['y'])
  const facts = weightFacts(w, [weightUse(node, 1, 'matmul', VIEW, 1)])
  const before = plainModel({
    nodes: [node],
    initializers: [w],
    inputs: [{ name: 'x', dtype: 'f32', shape: [ROWS, K] }],
    outputs: [{ name: 'y', dtype: 'f32', shape: [ROWS, N] }],
    opset,
  })
  const codes = packedRefs(weight, 'onnx/kn-s8', [K, N], 'w')
  const factor = inverse && float32s('w.b', inverse)
  const floatRows = rows && {
    indices: int64s('w.i', rows),
    values: {
      ...float32s('w.f', Float32Array.from(rows.flatMap((k) => [...values.subarray(k * N, (k + 1) * N)]))),
      shape: [rows.length, N],
    },
  }
  const extra = [factor, floatRows?.indices, floatRows?.values].filter((one) => one !== undefined)
  const packed = { ...codes, ...(factor ? { inverse: factor } : {}), ...(floatRows ? { floatRows } : {}) }
  const context = {
    ...contextOf(before, { ...ort, dynamicQuantizeMatMul: contrib }),
    least: () => least ?? null,
  }
  const edits = matmulIntegerRows.lower(facts, facts.uses, SPEC, packed, context)
  return { before, after: applied(before, [], [codes], [{ scope: [], addInitializers: extra }, ...edits]) }
}

/** Rows of very different size, one of them zero. */
function rowsOf(seed: number): Float32Array {
  const sizes = [1, 1000, 0, 1e-3, 30]
  return Float32Array.from(randomFloats(ROWS * K, seed), (value, i) => value * (sizes[Math.floor(i / K)] as number))
}

const outputs = async (model: Model, x: Float32Array): Promise<Float32Array> =>
  floatsOf((await runOnnx(model, { x: ortTensor([[ROWS, K], x]) }, true)).y!)

describe('matmulIntegerRows', () => {
  for (const opset of [11, 13, 17, 18, 21]) {
    for (const contrib of [true, false]) {
      it(`gives every row its own precision, opset ${opset}${contrib ? '' : ', standard operators only'}`, async () => {
        const { before, after } = both({ opset, contrib })
        const x = rowsOf(5)
        const [wanted, found] = [await outputs(before, x), await outputs(after, x)]
        for (let row = 0; row < ROWS; row++) {
          const part = (values: Float32Array): Float32Array => values.subarray(row * N, (row + 1) * N)
          expect(distance(part(wanted), part(found)), `row ${row}`).toBeLessThan(0.02)
        }
        expect(after.graph.nodes.some(({ domain }) => domain !== '')).toBe(contrib)
      })
    }
  }

  it('gives a row the same result whatever shares its batch', async () => {
    const { after } = both({})
    const x = rowsOf(5)
    const alone = new Float32Array(ROWS * K)
    alone.set(x.subarray(0, K))
    expect((await outputs(after, x)).subarray(0, N)).toEqual((await outputs(after, alone)).subarray(0, N))
  })

  it('takes all steps for what is known to be positive, and most for what is nearly so', async () => {
    for (const [least, low] of [
      [0, 0],
      [-0.17, -0.17],
    ] as const) {
      const x = Float32Array.from(randomFloats(ROWS * K, 8), (value) => (value < 0 ? -low * value : 4 * value))
      const error = async (wanted: Wanted): Promise<number> => {
        const { before, after } = both(wanted)
        return distance(await outputs(before, x), await outputs(after, x))
      }
      expect(await error({ least })).toBeLessThan(0.7 * (await error({})))
    }
  })

  it('is as fine for small rows of what is nearly positive, and clips nothing', async () => {
    const { before, after } = both({ least: -0.17 })
    const sizes = [1, 0.05, 1e-3, 0.2, 0]
    const x = randomFloats(ROWS * K, 9).map(
      (value, i) => sizes[Math.floor(i / K)]! * (value < 0 ? 0.17 * value : value),
    )
    // A row of what lies below zero alone.
    x.fill(-0.1, 0, K)
    const [wanted, found] = [await outputs(before, x), await outputs(after, x)]
    for (let row = 0; row < ROWS; row++) {
      const part = (values: Float32Array): Float32Array => values.subarray(row * N, (row + 1) * N)
      expect(distance(part(wanted), part(found)), `row ${row}`).toBeLessThan(0.03)
    }
  })

  it('keeps the product when channels are balanced and rows stay float', async () => {
    const inverse = Float32Array.from({ length: K }, (_, k) => 2 ** ((k % 7) - 3))
    for (const wanted of [
      { inverse },
      { rows: [3, 11] },
      { inverse: inverse.with(3, 0), rows: [3] },
    ] satisfies Wanted[]) {
      const { before, after } = both(wanted)
      await expectSameOutputs(before, after, { x: [[ROWS, K], randomFloats(ROWS * K, 5)] }, 0.02)
    }
  })
})

it('signed codes need no zeros', () => {
  expect(packedRefs(quantizedWeight(SPEC, VIEW), 'onnx/kn-s8', [K, N], 'w').zeros).toBeUndefined()
})
