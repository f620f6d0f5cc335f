import { TersorError } from '../../errors.ts'
import type { DType } from '../../model/dtype.ts'
import type { Node } from '../../model/graph.ts'
import type { Lowering } from '../../model/lowering.ts'
import { replaceUses } from './by-scope.ts'
import { MICROSOFT, MICROSOFT_OPSET, makeNode } from './make.ts'
import { prependCasts, scalesIn } from './matmul-nbits.ts'
import { dtypeThroughPath, matrixOf, refuseMatrixUse } from './matrix-use.ts'
import { surround } from './surround.ts'

const COMPUTES: ReadonlySet<DType> = new Set(['f32', 'f16'])

/** What the operator calls its tables. */
const QUANT_TYPE: ReadonlyMap<string, number> = new Map([
  ['fp4', 0],
  ['nf4', 1],
])

/**
 * MatMul or Gemm by a constant matrix as com.microsoft MatMulBnb4 over packing 'onnx/bnb4'. Computed in f32: kernels for CPUs take
 * nothing else, so f16 activations are cast on the way in and out.
 */
export const matmulBnb4: Lowering = {
  id: 'onnx/matmul-bnb4',
  kind: 'node',

  // Add and Mul around a Gemm broadcast as NumPy does from 7 on.
  minOpset: () => 7,

  accepts(weight, use, spec, target) {
    const { granularity } = spec.family === 'levels' ? spec : { granularity: null }
    if (spec.family !== 'levels' || !QUANT_TYPE.has(spec.table)) {
      return { code: 'scheme', text: 'MatMulBnb4 takes codes of nf4 and fp4' }
    }
    if (granularity?.kind !== 'block' && granularity?.kind !== 'run') {
      return { code: 'scheme', text: 'MatMulBnb4 takes codes in blocks' }
    }
    const facts = target.matmulBnb4
    if (facts === null) return { code: 'target', text: `${target.id} has no MatMulBnb4` }
    if (!facts.blockSizes.includes(granularity.size)) {
      return {
        code: 'target',
        text: `MatMulBnb4 of ${target.id} takes blocks of ${facts.blockSizes.join('/')}, asked are blocks of ${granularity.size}`,
      }
    }
    const refused = refuseMatrixUse(weight, use, COMPUTES)
    if (refused !== null || use === undefined) return refused
    if (spec.scale === 'f16' && !facts.halfScalesBehindCast) {
      return { code: 'target', text: `${target.id} does not take half-precision scales behind a Cast` }
    }
    return null
  },

  lower(weight, uses, spec, packed, context) {
    const quantType = spec.family === 'levels' ? QUANT_TYPE.get(spec.table) : undefined
    const size = spec.family === 'levels' && 'size' in spec.granularity ? spec.granularity.size : 0
    if (quantType === undefined || size === 0) {
      throw new TersorError('E_PLAN', 'MatMulBnb4 needs codes of nf4 or fp4 in blocks', {
        where: `tensor "${weight.name}"`,
      })
    }
    const casts = new Map<DType, { readonly name: string; readonly node: Node }>()
    const edits = replaceUses(uses, [MICROSOFT_OPSET], (use) => {
      const { K, N } = matrixOf(weight, use)
      const around = surround(use, dtypeThroughPath(weight, use) ?? 'f32', 'f32', context)
      const inputs = [around.activation, packed.codes.name, scalesIn(packed, 'f32', context, casts)]
      const attributes = { K, N, block_size: size, quant_type: quantType }
      const product = makeNode('MatMulBnb4', inputs, [around.product], attributes, MICROSOFT)
      return { nodes: [...around.before, product, ...around.after], constants: around.constants }
    })
    const nodes = [...casts.values()].map((made) => made.node)
    return [...prependCasts(weight, nodes), ...edits]
  },
}
