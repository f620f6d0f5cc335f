import { TersorError } from '../../errors.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { Lowering, PackedRefs } from '../../model/lowering.ts'
import type { Refusal } from '../../model/packing.ts'
import type { SchemeSpec } from '../../model/scheme.ts'
import { Chain } from './chain.ts'
import { channelGridOf, type Grid, gridOf } from './grid.ts'
import { besideValue } from './low-rank.ts'
import { type AttributeValue, cast, MICROSOFT, MICROSOFT_OPSET, makeNode } from './make.ts'
import { placeValue, refuseWeight } from './place.ts'

/** ai.onnx versions from which DequantizeLinear takes: a scale per axis, blocks, 4-bit codes, 2-bit codes. */
const PER_AXIS = 13
const BLOCKED = 21
const FOUR_BITS = 21
const TWO_BITS = 25
/** com.microsoft DequantizeLinear takes 4- and 8-bit codes per tensor and per axis beside any ai.onnx of 7 or later. */
const ANY = 7

function leastOpset(spec: SchemeSpec, weight: WeightFacts | undefined): number {
  if (spec.family !== 'integer') return ANY
  if (spec.bits === 2) return TWO_BITS
  if (spec.granularity.kind === 'tensor') return ANY
  if (spec.granularity.kind === 'block' || weight === undefined) return BLOCKED
  const grid = channelGridOf(weight)
  const perAxis = grid !== null && (grid.kind === 'rows' ? spec.bits === 8 : grid.kind !== 'block')
  return perAxis ? ANY : BLOCKED
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

/** Codes, scales and zeros ready for one DequantizeLinear, with its attributes. */
function operands(
  chain: Chain,
  grid: Grid,
  packed: PackedRefs,
  scales: string,
): {
  readonly inputs: readonly string[]
  readonly attributes: Record<string, AttributeValue>
  readonly shape: readonly number[]
} {
  const { codes, zeros } = packed
  const plain = [codes.name, scales, zeros?.name ?? '']
  switch (grid.kind) {
    case 'tensor':
      return { inputs: plain, attributes: {}, shape: codes.shape }
    case 'axis':
      return { inputs: plain, attributes: { axis: grid.axis }, shape: codes.shape }
    case 'block': {
      const attributes = { axis: grid.axis, block_size: grid.size }
      if (packed.scales !== undefined && sameShape(packed.scales.shape, grid.scales)) {
        return { inputs: plain, attributes, shape: codes.shape }
      }
      const inputs = [codes.name, chain.reshape(scales, grid.scales)]
      if (zeros !== undefined) inputs.push(chain.reshape(zeros.name, grid.scales))
      return { inputs, attributes, shape: codes.shape }
    }
    case 'rows': {
      const shape = [grid.rows, grid.depth]
      const flat = (name: string): string => chain.reshape(name, [grid.rows])
      const rowwise = packed.scales?.shape.length === 1
      const inputs = [
        sameShape(codes.shape, shape) ? codes.name : chain.reshape(codes.name, shape),
        rowwise ? scales : flat(scales),
      ]
      if (zeros !== undefined) inputs.push(rowwise ? zeros.name : flat(zeros.name))
      return { inputs, attributes: { axis: 0 }, shape }
    }
  }
}

/** onnxruntime has no Reshape of 2- and 4-bit codes, so rows of several axes become blocks of one row length. */
function withoutReshapingCodes(grid: Grid, shape: readonly number[]): Grid {
  if (grid.kind !== 'rows') return grid
  const last = shape.length - 1
  if (shape[last] !== grid.depth) return grid
  return { kind: 'block', axis: last, size: grid.depth, scales: shape.map((size, axis) => (axis === last ? 1 : size)) }
}

/**
 * The weight as DequantizeLinear of its codes (packing 'onnx/elements'), in front of whatever uses it.
 * Scales in half precision are cast up first, so the product is computed in f32 everywhere; the result is cast to the weight's type.
 */
export const dequantize: Lowering = {
  id: 'onnx/dequantize',
  kind: 'value',

  minOpset(spec, weight) {
    return leastOpset(spec, weight)
  },

  accepts(weight, _use, spec, target) {
    if (spec.family !== 'integer') return { code: 'scheme', text: 'DequantizeLinear takes integer codes' }
    const facts = target.dequantizeLinear
    if (facts === null || !facts.bits.includes(spec.bits)) {
      return { code: 'target', text: `${target.id} has no DequantizeLinear of ${spec.bits}-bit codes` }
    }
    if (leastOpset(spec, weight) > target.maxOpset) {
      return { code: 'target', text: `${target.id} stops at opset ${target.maxOpset}` }
    }
    return refuseWeight(weight) ?? refuseGrid(weight, spec) ?? refuseFault(weight, spec)
  },

  lower(weight, uses, spec, packed, context) {
    if (spec.family !== 'integer' || packed.scales === undefined) {
      throw new TersorError('E_PLAN', 'DequantizeLinear needs codes and scales', { where: `tensor "${weight.name}"` })
    }
    const chain = new Chain(context)
    const found = gridOf(weight, uses, spec, packed)
    const grid = spec.bits < 8 ? withoutReshapingCodes(found, packed.codes.shape) : found
    const scales = chain.cast(packed.scales.name, packed.scales.dtype, 'f32')
    const { inputs, attributes, shape } = operands(chain, grid, packed, scales)
    const reshapes = !sameShape(shape, weight.shape)
    const casts = weight.dtype !== 'f32'
    const microsoft = needsMicrosoft(grid, spec.bits, context.opset)
    const value = reshapes || casts ? context.fresh(`${weight.name}/value`) : weight.name
    chain.push(makeNode('DequantizeLinear', inputs, [value], attributes, microsoft ? MICROSOFT : ''))
    const shaped = reshapes
      ? chain.reshape(value, weight.shape, casts ? context.fresh(`${weight.name}/shaped`) : weight.name)
      : value
    if (casts) chain.push(cast(shaped, weight.name, weight.dtype))
    if (packed.lowRank !== undefined) besideValue(chain, weight, packed.lowRank)
    return [placeValue(weight, chain.nodes, chain.constants, microsoft ? [MICROSOFT_OPSET] : [needed(grid, spec.bits)])]
  },
}

/**
 * onnxruntime 1.30 fuses 2-bit DequantizeLinear + MatMul to MatMulNBits and repacks the codes as if rows filled bytes:
 * where N is no multiple of 4 every result is wrong. Other widths, Gemm and weights behind a Transpose are right.
 */
function refuseFault(weight: WeightFacts, spec: SchemeSpec & { readonly family: 'integer' }): Refusal | null {
  if (spec.bits !== 2 || (weight.shape.at(-1) ?? 0) % 4 === 0) return null
  if (!weight.uses.some((use) => use.role === 'matmul')) return null
  return { code: 'fault', text: 'onnxruntime repacks 2-bit columns wrongly unless their number is a multiple of 4' }
}

/** Null: the scales of this spec can be laid over this weight's codes. */
function refuseGrid(weight: WeightFacts, spec: SchemeSpec & { readonly family: 'integer' }): Refusal | null {
  if (spec.granularity.kind !== 'channel') return null
  const grid = channelGridOf(weight)
  if (grid === null)
    return { code: 'grid', text: 'no axis of the weight is kept by its uses, so no scale per channel fits' }
  if (grid.kind === 'rows' && spec.bits < 8 && weight.shape.at(-1) !== grid.depth) {
    return { code: 'grid', text: `${spec.bits}-bit codes cannot be reshaped, and a channel spans several axes` }
  }
  return null
}

function standardOpset(grid: Grid, bits: number): number {
  if (bits === 2) return TWO_BITS
  if (grid.kind === 'block') return BLOCKED
  if (bits === 4) return FOUR_BITS
  return grid.kind === 'tensor' ? 10 : PER_AXIS
}

function needsMicrosoft(grid: Grid, bits: number, opset: number): boolean {
  return bits !== 2 && grid.kind !== 'block' && opset < standardOpset(grid, bits)
}

function needed(grid: Grid, bits: number): { readonly domain: string; readonly version: number } {
  return { domain: '', version: standardOpset(grid, bits) }
}
