import type { Lowering } from '../../model/lowering.ts'
import { replaceUses } from './by-scope.ts'
import { Chain } from './chain.ts'
import { integerFactor, refuseIntegerFactor } from './integer-factor.ts'
import { cast, MICROSOFT, MICROSOFT_OPSET, makeNode } from './make.ts'
import { dtypeThroughPath } from './matrix-use.ts'
import { quantizedRows } from './row-activation.ts'
import { surround } from './surround.ts'

/**
 * MatMul or Gemm in integers with one scale for each row of the activation: `quantizedRows`, the product of codes with a scale a
 * column, and a Mul by the scales of the rows. Rows of the weight that stay float are multiplied by the channels they belong to
 * and added. Where the target has MatMulIntegerToFloat it takes the place of MatMulInteger,
 * Cast and the Mul by columns, which onnxruntime does not fuse when a scale is constant.
 */
export const matmulIntegerRows: Lowering = {
  id: 'onnx/matmul-integer-rows',
  kind: 'node',

  minOpset: () => 11,

  accepts(weight, use, spec, target) {
    if (!target.matmulInteger) return { code: 'target', text: `${target.id} has no MatMulInteger` }
    return refuseIntegerFactor(weight, use, spec)
  },

  lower(weight, uses, _spec, packed, context) {
    const factor = integerFactor(weight, packed, context)
    const chain = new Chain(context)
    const inverse = packed.inverse && chain.cast(packed.inverse.name, packed.inverse.dtype, 'f32')
    const fused = context.target.dynamicQuantizeMatMul
    const opsets = [{ domain: '', version: 11 }, ...(fused ? [MICROSOFT_OPSET] : [])]
    const edits = replaceUses(uses, opsets, (use) => {
      const around = surround(use, dtypeThroughPath(weight, use) ?? 'f32', 'f32', context)
      const { activation, product } = around
      const rows = quantizedRows(activation, inverse, context.least?.(use.node) ?? null, context)
      const floats = context.fresh(`${rows.group}.floats`)
      const nodes = [...around.before, ...rows.nodes]
      if (fused) {
        const inputs = [rows.codes, factor.codes, rows.level, factor.scales, rows.zero, factor.zero]
        nodes.push(makeNode('MatMulIntegerToFloat', inputs, [floats], {}, MICROSOFT))
      } else {
        const sums = context.fresh(`${rows.group}.sums`)
        const wide = context.fresh(`${rows.group}.wide`)
        const columns = context.fresh(`${rows.group}.columns`)
        nodes.push(
          makeNode('MatMulInteger', [rows.codes, factor.codes, rows.zero, factor.zero], [sums]),
          cast(sums, wide, 'f32'),
          makeNode('Mul', [rows.level, factor.scales], [columns]),
          makeNode('Mul', [wide, columns], [floats]),
        )
      }
      const sum = packed.floatRows === undefined ? product : context.fresh(`${rows.group}.codesOnly`)
      nodes.push(makeNode('Mul', [floats, rows.factor], [sum]))
      if (packed.floatRows !== undefined) {
        const { indices, values } = packed.floatRows
        const taken = context.fresh(`${rows.group}.taken`)
        const share = context.fresh(`${rows.group}.share`)
        nodes.push(
          makeNode('Gather', [activation, indices.name], [taken], { axis: -1 }),
          makeNode('MatMul', [taken, values.name], [share]),
          makeNode('Add', [sum, share], [product]),
        )
      }
      nodes.push(...around.after)
      return { nodes, constants: [...around.constants, ...rows.constants] }
    })
    return [...factor.edits, { scope: weight.scope, prepend: chain.nodes }, ...edits]
  },
}
