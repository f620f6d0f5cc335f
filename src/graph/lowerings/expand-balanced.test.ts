import { describe, it } from 'vitest'
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
import type { DType } from '../../model/dtype.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { MatrixView } from '../../model/scheme.ts'
import { ort } from '../../targets/ort.ts'
import { expand } from './expand.ts'
import { float32s, makeNode } from './make.ts'

const K = 12
const N = 5
const inverse = Float32Array.from({ length: K }, (_, k) => 2 ** ((k % 5) - 2))

describe('expand with a factor for each index of the depth', () => {
  for (const along of ['row', 'column'] as const) {
    for (const symmetric of [true, false]) {
      for (const dtype of ['f32', 'f16'] as const satisfies DType[]) {
        it(`${along}s, ${symmetric ? 'symmetric' : 'asymmetric'}, ${dtype}`, async () => {
          const view: MatrixView = { stack: 1, channels: N, depth: K, along }
          const spec: IntegerSpec = {
            family: 'integer',
            bits: 8,
            granularity: { kind: 'channel' },
            symmetric,
            scale: 'f32',
          }
          const weight = quantizedWeight(spec, view)
          const shape = along === 'row' ? [N, K] : [K, N]
          const values = weight.values.map((one, i) => one * inverse[along === 'row' ? i % K : Math.floor(i / N)]!)
          const w = floatTensor('w', shape, values, dtype)
          const node = makeNode('Gemm', ['x', 'w'], ['y'], { transB: along === 'row' ? 1 : 0 })
          const facts = weightFacts(w, [weightUse(node, 1, 'gemm', view, along === 'row' ? 0 : 1)])
          const model = plainModel({
            nodes: [node],
            initializers: [w],
            inputs: [{ name: 'x', dtype, shape: [3, K] }],
            outputs: [{ name: 'y', dtype, shape: [3, N] }],
            opset: 13,
          })
          const codes = packedRefs(weight, 'onnx/elements', shape, 'w')
          const factor = float32s('w.b', inverse)
          const edits = expand.lower(facts, facts.uses, spec, { ...codes, inverse: factor }, contextOf(model, ort))
          const lowered = applied(model, [], [codes], [{ scope: [], addInitializers: [factor] }, ...edits])
          const x = randomFloats(3 * K, 5)
          await expectSameOutputs(model, lowered, { x: [[3, K], x, dtype] }, dtype === 'f32' ? 1e-6 : 2e-3)
        })
      }
    }
  }
})
