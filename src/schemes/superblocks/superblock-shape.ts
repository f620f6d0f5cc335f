import type { ParameterSpec, ParameterType } from '../../model/array-scheme.ts'

/** Values of one superblock, in all five formats. */
export const SUPERBLOCK = 256

/** What one format stores for 256 values. */
export interface SuperblockShape {
  readonly id: string
  readonly levels: number
  /** Values that share a sub-scale; a divisor of 256. */
  readonly size: number
  /** Code that stands for 0, where there are no minimums. */
  readonly zero: number
  readonly minimums: boolean
  readonly stored: Extract<ParameterType, 'u4' | 'u6' | 'i8'>
  /** Stored sub-scale that stands for 0. */
  readonly bias: number
  /** Sub-scales (and minimums) without their bias. */
  readonly least: number
  readonly most: number
}

const plain = { zero: 0, minimums: true, bias: 0, least: 0 } as const
const signed = { size: 16, minimums: false } as const

export const SUPERBLOCK_SHAPES: readonly SuperblockShape[] = [
  { ...plain, id: 'q2k', levels: 4, size: 16, stored: 'u4', most: 15 },
  { ...signed, id: 'q3k', levels: 8, zero: 4, stored: 'u6', bias: 32, least: -32, most: 31 },
  { ...plain, id: 'q4k', levels: 16, size: 32, stored: 'u6', most: 63 },
  { ...plain, id: 'q5k', levels: 32, size: 32, stored: 'u6', most: 63 },
  { ...signed, id: 'q6k', levels: 64, zero: 32, stored: 'i8', bias: 0, least: -128, most: 127 },
]

/** Sub-blocks of a whole superblock; a shorter one leaves the last ones unused. */
export function subCount({ size }: SuperblockShape): number {
  return SUPERBLOCK / size
}

/** Position of the super scale among the parameters; that of the minimums follows it. */
export function superScaleAt(shape: SuperblockShape): number {
  return subCount(shape) * (shape.minimums ? 2 : 1)
}

export function parameterSpecs(shape: SuperblockShape): ParameterSpec[] {
  const count = subCount(shape)
  const specs: ParameterSpec[] = [{ name: 'scales', type: shape.stored, count }]
  if (shape.minimums) specs.push({ name: 'minimums', type: shape.stored, count })
  specs.push({ name: 'superScales', type: 'f16', count: 1 })
  if (shape.minimums) specs.push({ name: 'superMinimums', type: 'f16', count: 1 })
  return specs
}
