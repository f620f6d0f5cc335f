import { TersorError } from '../../errors.ts'
import type { ActivationGrid } from '../../model/activation.ts'
import type { Node } from '../../model/graph.ts'
import { halvesOf } from '../placement/index.ts'
import { makeNode } from './make.ts'
import type { CodedValue } from './placed-product.ts'
import type { SharedScalars } from './shared-scalars.ts'

/** Steps of the lower half in one of the upper, and its zero. */
const HALF = 256
const MIDDLE = 128

/** Nodes that make codes of a value, to be put behind what computes it. */
export interface MadeCodes {
  readonly nodes: readonly Node[]
  readonly coded: CodedValue
}

/**
 * 16-bit codes of a value as two tensors of 8 bits, made of QuantizeLinear of opset 13: the upper half is the value on a grid of 256
 * steps, the lower half what that leaves, on a grid 256 times finer. No kernel for 16-bit codes is needed.
 */
export function wideCodes(
  value: string,
  grid: ActivationGrid,
  scalars: SharedScalars,
  fresh: (base: string) => string,
): MadeCodes {
  const { high, low } = halvesOf(grid)
  if (grid.type !== 'u16' || grid.zero !== 256 * high.zero + low.zero) {
    throw new TersorError('E_PLAN', `expected a grid of wideGridOf, found ${grid.type} around ${grid.zero}`, {
      where: `value "${value}"`,
    })
  }
  const highGrid = [scalars.f32(high.scale), scalars.u8(high.zero)] as const
  const lowGrid = [scalars.f32(low.scale), scalars.u8(low.zero)] as const
  const [highCodes, lowCodes] = [fresh(`${value}/high`), fresh(`${value}/low`)]
  const [decoded, rest] = [fresh(`${value}/high/value`), fresh(`${value}/rest`)]
  return {
    nodes: [
      makeNode('QuantizeLinear', [value, ...highGrid], [highCodes]),
      makeNode('DequantizeLinear', [highCodes, ...highGrid], [decoded]),
      makeNode('Sub', [value, decoded], [rest]),
      makeNode('QuantizeLinear', [rest, ...lowGrid], [lowCodes]),
    ],
    coded: {
      parts: [
        { codes: highCodes, zero: highGrid[1], factor: 256 },
        { codes: lowCodes, zero: lowGrid[1], factor: 1 },
      ],
      scale: grid.scale,
    },
  }
}

/** 16-bit codes of a value with its own range, found at run time, as two tensors of 8 bits: the upper half, and what that leaves. */
export function dynamicWideCodes(value: string, scalars: SharedScalars, fresh: (base: string) => string): MadeCodes {
  const [high, low] = [fresh(`${value}/high`), fresh(`${value}/low`)]
  const [scale, zero, fine] = [fresh(`${value}/scale`), fresh(`${value}/zero`), fresh(`${value}/fine`)]
  const [decoded, rest] = [fresh(`${value}/high/value`), fresh(`${value}/rest`)]
  const middle = scalars.u8(MIDDLE)
  return {
    nodes: [
      makeNode('DynamicQuantizeLinear', [value], [high, scale, zero]),
      makeNode('DequantizeLinear', [high, scale, zero], [decoded]),
      makeNode('Sub', [value, decoded], [rest]),
      makeNode('Mul', [scale, scalars.f32(1 / HALF)], [fine]),
      makeNode('QuantizeLinear', [rest, fine, middle], [low]),
    ],
    coded: {
      parts: [
        { codes: high, zero, factor: HALF },
        { codes: low, zero: middle, factor: 1 },
      ],
      scale: fine,
    },
  }
}

/** Codes with the range of the value itself, found at run time. */
export function dynamicCodes(value: string, fresh: (base: string) => string): MadeCodes {
  const [codes, scale, zero] = [fresh(`${value}/codes`), fresh(`${value}/scale`), fresh(`${value}/zero`)]
  return {
    nodes: [makeNode('DynamicQuantizeLinear', [value], [codes, scale, zero])],
    coded: { parts: [{ codes, zero, factor: 1 }], scale },
  }
}
