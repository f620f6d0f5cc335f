import type { Lowering } from '../../model/lowering.ts'
import { replaceUses } from './by-scope.ts'
import { integerFactor, refuseIntegerFactor } from './integer-factor.ts'
import { cast, makeNode } from './make.ts'
import { dtypeThroughPath } from './matrix-use.ts'
import { surround } from './surround.ts'

/**
 * MatMul or Gemm in integers with standard operators: DynamicQuantizeLinear of the activation, MatMulInteger with the codes
 * (packing 'onnx/kn'), and one Mul by both scales. The order of the operands of the last two is the one that onnxruntime
 * fuses to DynamicQuantizeMatMul, or to MatMulIntegerToFloat where the quantized activation has several readers.
 */
export const matmulInteger: Lowering = {
  id: 'onnx/matmul-integer',
  kind: 'node',

  minOpset: () => 11,

  accepts(weight, use, spec, target) {
    if (!target.matmulInteger) return { code: 'target', text: `${target.id} has no MatMulInteger` }
    return refuseIntegerFactor(weight, use, spec)
  },

  lower(weight, uses, _spec, packed, context) {
    const factor = integerFactor(weight, packed, context)
    const edits = replaceUses(uses, [{ domain: '', version: 11 }], (use) => {
      const around = surround(use, dtypeThroughPath(weight, use) ?? 'f32', 'f32', context)
      const { activation, product } = around
      const [codes, scale, zero] = ['codes', 'scale', 'zero'].map((part) => context.fresh(`${activation}/${part}`))
      const sums = context.fresh(`${product}/sums`)
      const factors = context.fresh(`${product}/factors`)
      const floats = context.fresh(`${product}/floats`)
      const nodes = [
        makeNode('DynamicQuantizeLinear', [activation], [codes!, scale!, zero!]),
        makeNode('MatMulInteger', [codes!, factor.codes, zero!, factor.zero], [sums]),
        makeNode('Mul', [scale!, factor.scales], [factors]),
        cast(sums, floats, 'f32'),
        makeNode('Mul', [floats, factors], [product]),
      ]
      return { nodes: [...around.before, ...nodes, ...around.after], constants: around.constants }
    })
    return [...factor.edits, ...edits]
  },
}
