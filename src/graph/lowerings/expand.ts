import { TersorError } from '../../errors.ts'
import type { WeightFacts, WeightUse } from '../../model/inventory.ts'
import type { Lowering, PackedRefs } from '../../model/lowering.ts'
import type { SchemeSpec } from '../../model/scheme.ts'
import { Chain } from './chain.ts'
import { channelGridOf, type Grid, gridOf } from './grid.ts'
import { besideValue } from './low-rank.ts'
import { placeValue, refuseWeight } from './place.ts'

/** Cast takes 4-bit codes from 21 on, 2-bit codes from 25 on; the rest of the chain is as old as broadcasting. */
const LEAST_OPSET = { 8: 7, 4: 21, 2: 25 } as const

/** A shape that broadcasts a value per index of `axis` over `rank` axes. */
function along(axis: number, rank: number, length: number): readonly number[] {
  return Array.from({ length: rank }, (_, at) => (at === axis ? length : 1))
}

/** How codes are seen while they are multiplied, and what turns a parameter tensor into something that broadcasts over them. */
interface Form {
  /** Null: as they are. */
  readonly codes: readonly number[] | null
  readonly parameter: (chain: Chain, name: string, shape: readonly number[]) => string
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

function formOf(grid: Grid, shape: readonly number[]): Form {
  const to = (target: readonly number[]): Form['parameter'] => {
    return (chain, name, from) => (sameShape(from, target) ? name : chain.reshape(name, target))
  }
  switch (grid.kind) {
    case 'tensor':
      return {
        codes: null,
        parameter: (chain, name, from) => (from.length <= shape.length ? name : chain.reshape(name, [1])),
      }
    case 'axis': {
      // A trailing axis broadcasts without a Reshape.
      if (grid.axis === shape.length - 1) return { codes: null, parameter: (_chain, name) => name }
      return { codes: null, parameter: to(along(grid.axis, shape.length, shape[grid.axis] ?? 1)) }
    }
    case 'rows':
      return { codes: [grid.rows, grid.depth], parameter: to([grid.rows, 1]) }
    case 'block': {
      const length = shape[grid.axis] ?? 1
      const blocks = grid.scales[grid.axis] ?? 1
      if (blocks === 1) return { codes: null, parameter: to(grid.scales) }
      if (length % grid.size === 0) {
        const split = (axis: readonly number[]): readonly number[] =>
          shape.flatMap((size, at) => (at === grid.axis ? axis : size))
        return { codes: split([blocks, grid.size]), parameter: to(split([blocks, 1])) }
      }
      // A shorter last block: parameters are repeated by index instead.
      const block = Array.from({ length }, (_, index) => Math.floor(index / grid.size))
      return {
        codes: null,
        parameter: (chain, name, from) => {
          const shaped = sameShape(from, grid.scales) ? name : chain.reshape(name, grid.scales)
          return chain.gather(shaped, block, grid.axis)
        },
      }
    }
  }
}

function requireScales(packed: PackedRefs, where: string): NonNullable<PackedRefs['scales']> {
  if (packed.scales === undefined) throw new TersorError('E_PLAN', 'codes without scales cannot be expanded', { where })
  return packed.scales
}

/** The factors of the depth of a matrix, shaped to lie along it. */
function undoing(chain: Chain, inverse: NonNullable<PackedRefs['inverse']>, rowsAreDepth: boolean): string {
  const values = chain.cast(inverse.name, inverse.dtype, 'f32')
  return rowsAreDepth ? chain.reshape(values, [inverse.shape[0] ?? 1, 1]) : values
}

/**
 * The weight as Cast, Sub and Mul of its codes (packing 'onnx/elements'). onnxruntime folds all of it when a session is made,
 * so the file is small and a run costs what the float model costs.
 */
export const expand: Lowering = {
  id: 'onnx/expand',
  kind: 'value',

  minOpset: (spec) => (spec.family === 'integer' ? LEAST_OPSET[spec.bits] : 7),

  accepts(weight, _use, spec, target) {
    if (spec.family !== 'integer') return { code: 'scheme', text: 'this form expands integer codes' }
    if (LEAST_OPSET[spec.bits] > target.maxOpset) {
      return { code: 'target', text: `${target.id} stops at opset ${target.maxOpset}` }
    }
    const refusal = refuseWeight(weight)
    if (refusal !== null) return refusal
    if (spec.granularity.kind === 'channel' && channelGridOf(weight) === null) {
      return { code: 'grid', text: 'no axis of the weight is kept by its uses, so no scale per channel fits' }
    }
    return null
  },

  lower(weight, uses, spec, packed, context) {
    const chain = new Chain(context)
    // Codes are cast before they are reshaped: there is no Reshape of 2- and 4-bit elements.
    const codes = chain.cast(packed.codes.name, packed.codes.dtype, 'f32')
    scaled(chain, codes, weight, uses, spec, packed)
    if (packed.lowRank !== undefined) besideValue(chain, weight, packed.lowRank)
    return [placeValue(weight, chain.nodes, chain.constants, [])]
  },
}

/** Puts zeros and scales over codes in f32, of the shape of `packed.codes`, and ends in the weight's name, type and shape. */
export function scaled(
  chain: Chain,
  codes: string,
  weight: WeightFacts,
  uses: readonly WeightUse[],
  spec: SchemeSpec,
  packed: PackedRefs,
): void {
  const scales = requireScales(packed, `tensor "${weight.name}"`)
  const form = formOf(gridOf(weight, uses, spec, packed), packed.codes.shape)
  let value = codes
  if (form.codes !== null && !sameShape(form.codes, packed.codes.shape)) value = chain.reshape(value, form.codes)
  if (packed.zeros !== undefined) {
    const zeros = chain.cast(packed.zeros.name, packed.zeros.dtype, 'f32')
    value = chain.apply('Sub', [value, form.parameter(chain, zeros, packed.zeros.shape)])
  }
  const factors = form.parameter(chain, chain.cast(scales.name, scales.dtype, 'f32'), scales.shape)
  const reshapes = !sameShape(form.codes ?? packed.codes.shape, weight.shape)
  const casts = weight.dtype !== 'f32'
  const balanced = packed.inverse !== undefined
  value = chain.apply('Mul', [value, factors], reshapes || casts || balanced ? undefined : weight.name)
  if (packed.inverse !== undefined) {
    const undo = undoing(chain, packed.inverse, uses[0]?.view?.along === 'column')
    value = chain.apply('Mul', [value, undo], reshapes || casts ? undefined : weight.name)
  }
  if (reshapes) value = chain.reshape(value, weight.shape, casts ? undefined : weight.name)
  if (casts) chain.cast(value, 'f32', weight.dtype, weight.name)
}
