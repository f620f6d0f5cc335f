import type { ParameterType } from '../../model/array-scheme.ts'
import { roundToBf16 } from '../../numbers/bf16.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { bounded, roundScaleF32 } from './bounded-scale.ts'

/**
 * Rounds a scale or offset to its stored type, so that it is finite there and has a finite inverse: what is too small becomes 0,
 * what is too large the largest.
 */
export function scaleRounding(type: Extract<ParameterType, 'f32' | 'f16' | 'bf16'>): (scale: number) => number {
  switch (type) {
    case 'f32':
      return roundScaleF32
    case 'f16':
      return (scale) => bounded(roundToF16(Math.fround(scale)), 65504)
    case 'bf16':
      return (scale) => bounded(roundToBf16(Math.fround(scale)), 3.3895313892515355e38)
  }
}
