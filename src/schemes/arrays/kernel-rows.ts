import type { ArrayScheme, CodecKernel } from '../../model/array-scheme.ts'
import { type Kernels, LEVEL_TABLE_BYTES, ScaleRule, SmallFloatFormat } from '../../model/kernels.ts'
import { aligned } from '../../numbers/tiles.ts'
import { elementCountOf } from './grouping.ts'

/** Values of one call: they stay in the caches. */
const CALL_VALUES = 1 << 17

const RULES: Readonly<Record<CodecKernel['rule'], ScaleRule>> = {
  reach: ScaleRule.Reach,
  signed: ScaleRule.Signed,
  mean: ScaleRule.Mean,
  'mean-beyond': ScaleRule.MeanBeyond,
}

/** An array as one long row of blocks, in pieces that start on whole bytes of codes. */
export interface KernelRows {
  readonly kernel: CodecKernel
  readonly count: number
  readonly block: number
  /** Values of a piece; the last may be shorter. */
  readonly piece: number
}

/** How the kernels can walk this array; null where its groups are not runs of equal length, or too long for one call. */
export function kernelRows({ codec, grouping }: ArrayScheme, shape: readonly number[]): KernelRows | null {
  const { kernel } = codec
  const count = elementCountOf(shape)
  if (kernel === undefined || count === 0) return null
  const columns = shape.at(-1) ?? 1
  const block =
    grouping.kind === 'tensor'
      ? count
      : grouping.kind === 'row'
        ? columns
        : grouping.kind === 'channel' && grouping.axis === 0
          ? count / (shape[0] as number)
          : grouping.kind === 'block'
            ? grouping.size
            : 0
  const divides = grouping.kind !== 'block' || columns % block === 0 || columns === count
  if (block === 0 || !divides) return null
  const unit = block * kernel.perByte
  if (unit > CALL_VALUES) return block >= count && count <= CALL_VALUES ? { kernel, count, block, piece: count } : null
  return { kernel, count, block, piece: Math.floor(CALL_VALUES / unit) * unit }
}

interface Arena {
  readonly values: number
  readonly codes: number
  readonly scales: number
  readonly table: number
}

export function arenaFor({ piece, block }: KernelRows, kernels: Kernels): Arena {
  const values = kernels.reserve(
    2 * aligned(4 * piece) + aligned(4 * Math.ceil(piece / block)) + aligned(Math.max(LEVEL_TABLE_BYTES, 1024)),
  )
  const codes = values + aligned(4 * piece)
  const scales = codes + aligned(4 * piece)
  return { values, codes, scales, table: scales + aligned(4 * Math.ceil(piece / block)) }
}

/** Values at `at.values` to packed codes and scales. */
export function encodePiece({ kernel, block }: KernelRows, kernels: Kernels, at: Arena, count: number): void {
  const { up, down, perByte, codes } = kernel
  const rule = RULES[kernel.rule]
  const half = kernel.halfScales ? 1 : 0
  const size = Math.min(block, count)
  if (codes.kind === 'integers') {
    const most = 2 ** codes.bits - 1
    kernels.packIntegerRows(
      at.values,
      0,
      1,
      count,
      size,
      rule,
      up,
      down,
      half,
      codes.zero,
      most,
      perByte,
      at.scales,
      at.codes,
      0,
    )
  } else if (codes.kind === 'levels') {
    kernels.packLevelRows(at.values, 0, 1, count, size, rule, up, down, half, at.table, perByte, at.scales, at.codes, 0)
  } else {
    const format = SmallFloatFormat[codes.format]
    const signed = codes.negativeZero ? 1 : 0
    kernels.packFloatRows(at.values, 0, 1, count, size, rule, up, down, half, format, signed, at.scales, at.codes, 0)
  }
}

/** Packed codes and scales to values at `at.values`. */
export function decodePiece({ kernel, block }: KernelRows, kernels: Kernels, at: Arena, count: number): void {
  const { perByte, codes } = kernel
  const size = Math.min(block, count)
  if (codes.kind === 'integers' && codes.bits === 8) {
    kernels.decodeRows(at.codes, 0, 1, count, size, 8, at.scales, 0, at.values, 0)
  } else if (codes.kind === 'floats') {
    kernels.decodeByteRows(at.codes, 0, 1, count, size, at.table, at.scales, at.values, 0)
  } else kernels.unpackLevelRows(at.codes, 0, 1, count, size, perByte, at.table, at.scales, at.values, 0)
}

/** Fills what `encodePiece` and `decodePiece` look up. */
export function prepareArena({ kernel: { codes } }: KernelRows, kernels: Kernels, at: Arena): void {
  if (codes.kind === 'levels') kernels.prepareLevels(codes.search, at.table)
  else if (codes.kind === 'floats') new Float32Array(kernels.memory, at.table, 256).set(codes.decoded)
  else if (codes.bits < 8) {
    const levels = Float32Array.from({ length: 2 ** codes.bits }, (_, code) => code - codes.zero)
    kernels.prepareLevels({ levels, thresholds: levels.map((level) => level + 0.5) }, at.table)
  }
}
