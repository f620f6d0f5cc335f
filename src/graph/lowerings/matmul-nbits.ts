import { TersorError } from '../../errors.ts'
import type { DType } from '../../model/dtype.ts'
import type { Node } from '../../model/graph.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { Lowering, LoweringContext, PackedRefs } from '../../model/lowering.ts'
import { replaceUses } from './by-scope.ts'
import { besideProduct, type FloatFactors, floatFactors } from './low-rank.ts'
import { cast, MICROSOFT, MICROSOFT_OPSET, makeNode } from './make.ts'
import { dtypeThroughPath, matrixOf, refuseMatrixUse } from './matrix-use.ts'
import { surround } from './surround.ts'

const COMPUTES: ReadonlySet<DType> = new Set(['f32', 'f16'])

/** Scales as the operator wants them, in `dtype`: themselves, or behind one Cast in the weight's scope. */
export function scalesIn(
  packed: PackedRefs,
  dtype: DType,
  context: LoweringContext,
  casts: Map<DType, { readonly name: string; readonly node: Node }>,
): string {
  const { scales } = packed
  if (scales === undefined) throw new TersorError('E_INTERNAL', `packed tensor "${packed.codes.name}" has no scales`)
  if (scales.dtype === dtype) return scales.name
  let made = casts.get(dtype)
  if (made === undefined) {
    const name = context.fresh(`${scales.name}/${dtype}`)
    made = { name, node: cast(scales.name, name, dtype) }
    casts.set(dtype, made)
  }
  return made.name
}

function factorsIn(
  lowRank: NonNullable<PackedRefs['lowRank']>,
  dtype: DType,
  context: LoweringContext,
  made: Map<DType, FloatFactors>,
): FloatFactors {
  const factors = made.get(dtype) ?? floatFactors(lowRank, dtype, context)
  made.set(dtype, factors)
  return factors
}

/** The edit that puts the Casts of scales in front of everything in the weight's scope. */
export function prependCasts(weight: WeightFacts, nodes: readonly Node[]): readonly GraphEdit[] {
  return nodes.length === 0 ? [] : [{ scope: weight.scope, prepend: nodes }]
}

/**
 * MatMul or Gemm by a constant matrix as com.microsoft MatMulNBits over packing 'onnx/nbits'.
 * The accuracy level comes from the target: it decides in which arithmetic the product is computed.
 */
export const matmulNBits: Lowering = {
  id: 'onnx/matmul-nbits',
  kind: 'node',

  // Add and Mul around a Gemm broadcast as NumPy does from 7 on.
  minOpset: () => 7,

  accepts(weight, use, spec, target) {
    if (spec.family !== 'integer' || spec.granularity.kind !== 'block') {
      return { code: 'scheme', text: 'MatMulNBits takes integer codes in blocks along K' }
    }
    const facts = target.matmulNBits
    if (facts === null) return { code: 'target', text: `${target.id} has no MatMulNBits` }
    if (!facts.bits.includes(spec.bits) || !facts.blockSizes.includes(spec.granularity.size)) {
      return {
        code: 'target',
        text: `${target.id} takes ${facts.bits.join('/')} bits in blocks of ${facts.blockSizes.join('/')}, asked are ${spec.bits} bits in blocks of ${spec.granularity.size}`,
      }
    }
    const refused = refuseMatrixUse(weight, use, COMPUTES)
    if (refused !== null || use === undefined) return refused
    if (spec.scale === 'f16' && !facts.halfScalesBehindCast && dtypeThroughPath(weight, use) !== 'f16') {
      return { code: 'target', text: `${target.id} does not take half-precision scales behind a Cast` }
    }
    return null
  },

  lower(weight, uses, spec, packed, context) {
    if (spec.family !== 'integer' || spec.granularity.kind !== 'block') {
      throw new TersorError('E_PLAN', 'MatMulNBits needs integer codes in blocks', { where: `tensor "${weight.name}"` })
    }
    const { bits, granularity } = spec
    const targetLevel = context.target.matmulNBits?.accuracyLevel[bits] ?? 0
    const casts = new Map<DType, { readonly name: string; readonly node: Node }>()
    const corrections = new Map<DType, FloatFactors>()
    const edits = replaceUses(uses, [MICROSOFT_OPSET], (use) => {
      const { K, N } = matrixOf(weight, use)
      const dtype = dtypeThroughPath(weight, use) ?? 'f32'
      const around = surround(use, dtype, dtype, context)
      const inputs = [
        around.activation,
        packed.codes.name,
        scalesIn(packed, dtype, context, casts),
        packed.zeros?.name ?? '',
      ]
      // Level 4 packs constant scales ahead; behind a Cast they are not constant when optimization is off, and the packed
      // kernel of CPUs with VNNI then computes zeros (probed on onnxruntime 1.30.0); so are those of f16 products, which onnxruntime
      // widens on a CPU. Level 0 is right in every session.
      const level = dtype === 'f32' && packed.scales?.dtype === dtype ? targetLevel : 0
      const attributes = { K, N, bits, block_size: granularity.size, accuracy_level: level }
      const factors = packed.lowRank && factorsIn(packed.lowRank, dtype, context, corrections)
      const codesOnly = factors ? context.fresh(`${around.product}/codes`) : around.product
      const product = makeNode('MatMulNBits', inputs, [codesOnly], attributes, MICROSOFT)
      const beside = factors ? besideProduct(around.activation, factors, codesOnly, around.product, context) : []
      return { nodes: [...around.before, product, ...beside, ...around.after], constants: around.constants }
    })
    return [
      ...prependCasts(weight, [
        ...[...casts.values()].map((made) => made.node),
        ...[...corrections.values()].flatMap(({ nodes }) => nodes),
      ]),
      ...edits,
    ]
  },
}
