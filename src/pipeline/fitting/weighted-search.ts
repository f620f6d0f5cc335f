import type { Tools } from '../../model/tools.ts'
import { roundToF16 } from '../../numbers/f16.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { fitAffine, fitScale, prepareTable } from '../../schemes/fitting/index.ts'
import { blockOf, type GramCodes, type GramRows } from '../../solvers/gram/rows.ts'
import { solveTensor } from '../../solvers/index.ts'
import { breather } from '../breath.ts'

/** Elements between two breaths. */
const AT_ONCE = 1 << 16

/**
 * Codes whose scales and zeros leave the least squared error where every input counts by its mean square (the diagonal of what GPTQ goes by; the importance matrix of
 * llama.cpp): of each block the better of a search by weights and of the search without.
 */
export async function weightedCodes(rows: GramRows, importance: Float32Array, tools: Tools): Promise<GramCodes> {
  const { values, channels, depth, spec } = rows
  const block = blockOf(rows)
  const blocks = Math.ceil(depth / block)
  const most = 2 ** spec.bits - 1
  const half = 2 ** (spec.bits - 1)
  const round = spec.scale === 'f16' ? roundToF16 : Math.fround
  const view = { stack: 1, channels, depth, along: 'row' } as const
  const { quantized } = solveTensor(values, view, spec, 'search', tools.kernels)
  const { codes, scales } = quantized
  const zeros = quantized.zeros ?? new Uint8Array(scales.length).fill(half)
  const levels = prepareTable({ levels: Float32Array.from({ length: most + 1 }, (_, code) => code - half) }, 'even')
  const found = new Uint8Array(block)
  const breathe = breather()
  let seen = 0
  for (let grid = 0; grid < channels * blocks; grid++) {
    const from = Math.floor(grid / blocks) * depth + (grid % blocks) * block
    const k = (grid % blocks) * block
    const length = Math.min(block, depth - k)
    const some = values.subarray(from, from + length)
    const weights = importance.subarray(k, k + length)
    const own = spec.symmetric
      ? { scale: fitScale(some, weights, levels, { effort: 'fast', signed: true, round }), zero: half }
      : fitAffine(some, weights, most, { effort: 'fast', round })
    if (own.scale !== 0 && Number.isFinite(own.scale)) {
      const left = encode(some, weights, own.scale, own.zero, most, found)
      const before = errorOf(some, weights, scales[grid] as number, zeros[grid] as number, codes, from)
      if (left < before) {
        codes.set(found.subarray(0, length), from)
        scales[grid] = own.scale
        zeros[grid] = own.zero
      }
    }
    seen += length
    if (seen < AT_ONCE) continue
    seen = 0
    await breathe()
    tools.signal?.throwIfAborted()
  }
  return { codes, scales, zeros }
}

/** Nearest codes, and the error they leave. */
function encode(
  values: Float32Array,
  weights: Float32Array,
  scale: number,
  zero: number,
  most: number,
  into: Uint8Array,
): number {
  let error = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const code = Math.min(most, Math.max(0, roundHalfEven(value / scale) + zero))
    into[i] = code
    error += (weights[i] as number) * (value - scale * (code - zero)) ** 2
  }
  return error
}

function errorOf(
  values: Float32Array,
  weights: Float32Array,
  scale: number,
  zero: number,
  codes: Uint8Array,
  from: number,
): number {
  let error = 0
  for (let i = 0; i < values.length; i++) {
    const decoded = scale * ((codes[from + i] as number) - zero)
    error += (weights[i] as number) * ((values[i] as number) - decoded) ** 2
  }
  return error
}
