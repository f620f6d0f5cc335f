import type { Lowering } from '../../model/lowering.ts'
import { replaceUses } from './by-scope.ts'
import { integerFactor, refuseIntegerFactor } from './integer-factor.ts'
import { MICROSOFT, MICROSOFT_OPSET, makeNode } from './make.ts'
import { dtypeThroughPath } from './matrix-use.ts'
import { surround } from './surround.ts'

/**
 * MatMul or Gemm in integers as one com.microsoft DynamicQuantizeMatMul over packing 'onnx/kn'. Beside models of any opset
 * from 7 on. Every node quantizes its activation itself, so where several weights read one activation, MatMulInteger does less work.
 */
export const dynamicMatmul: Lowering = {
  id: 'onnx/dynamic-matmul',
  kind: 'node',

  minOpset: () => 7,

  accepts(weight, use, spec, target) {
    if (!target.dynamicQuantizeMatMul) return { code: 'target', text: `${target.id} has no DynamicQuantizeMatMul` }
    return refuseIntegerFactor(weight, use, spec)
  },

  lower(weight, uses, _spec, packed, context) {
    const factor = integerFactor(weight, packed, context)
    const edits = replaceUses(uses, [MICROSOFT_OPSET], (use) => {
      const around = surround(use, dtypeThroughPath(weight, use) ?? 'f32', 'f32', context)
      const inputs = [around.activation, factor.codes, factor.scales, factor.zero]
      const node = makeNode('DynamicQuantizeMatMul', inputs, [around.product], {}, MICROSOFT)
      return { nodes: [...around.before, node, ...around.after], constants: around.constants }
    })
    return [...factor.edits, ...edits]
  },
}
