import { TersorError } from '../../errors.ts'
import type { DType } from '../../model/dtype.ts'
import type { TensorRef } from '../../model/graph.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import type { WeightFacts, WeightUse } from '../../model/inventory.ts'
import type { LoweringContext, PackedRefs } from '../../model/lowering.ts'
import type { Refusal } from '../../model/packing.ts'
import type { SchemeSpec } from '../../model/scheme.ts'
import { Chain } from './chain.ts'
import { uint8 } from './make.ts'
import { refuseMatrixUse } from './matrix-use.ts'

/** The weight of a product in integers: K x N codes of one byte, a scale per column in f32, a zero where one is needed. */
export interface IntegerFactor {
  readonly codes: string
  readonly scales: string
  /** '' when codes are signed and around 0. */
  readonly zero: string
  /** Casts and constants in the weight's scope. */
  readonly edits: readonly GraphEdit[]
}

const COMPUTES: ReadonlySet<DType> = new Set(['f32', 'f16'])

export function refuseIntegerFactor(weight: WeightFacts, use: WeightUse | undefined, spec: SchemeSpec): Refusal | null {
  if (spec.family !== 'integer' || spec.bits !== 8)
    return { code: 'scheme', text: 'products in integers take 8-bit codes' }
  if (spec.granularity.kind === 'block')
    return { code: 'scheme', text: 'products in integers take one scale per column' }
  return refuseMatrixUse(weight, use, COMPUTES)
}

/** Unsigned codes without zeros of their own are symmetric around 128. */
export function integerFactor(weight: WeightFacts, packed: PackedRefs, context: LoweringContext): IntegerFactor {
  const { codes, scales, zeros } = packed
  if (scales === undefined) {
    throw new TersorError('E_PLAN', 'codes need scales, found none', { where: `tensor "${weight.name}"` })
  }
  const chain = new Chain(context)
  const constants: TensorRef[] = []
  let zero = zeros?.name ?? ''
  if (zero === '' && codes.dtype === 'u8') {
    zero = context.fresh(`${codes.name}/zero`)
    constants.push(uint8(zero, 128))
  }
  const factor = { codes: codes.name, scales: chain.cast(scales.name, scales.dtype, 'f32'), zero }
  const edits =
    chain.nodes.length + constants.length === 0
      ? []
      : [{ scope: weight.scope, prepend: chain.nodes, addInitializers: constants }]
  return { ...factor, edits }
}
