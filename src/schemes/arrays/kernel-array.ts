import { TersorError } from '../../errors.ts'
import type { ArrayScheme, ParameterArray, QuantizedArray } from '../../model/array-scheme.ts'
import type { Kernels } from '../../model/kernels.ts'
import { elementCountOf, groupCount } from './grouping.ts'
import { arenaFor, decodePiece, encodePiece, kernelRows, prepareArena } from './kernel-rows.ts'
import { parameterArray } from './parameter-store.ts'

/** Above this the kernels' scales may not be finite; the codec then takes the array. */
const MOST = 2 ** 120

/**
 * The closed form by kernels: what `encodeArray` gives with effort `closed`, byte for byte (array-kernels.test.ts). Null where no kernel
 * writes this scheme in this shape. E_NONFINITE as there.
 */
export function encodeByKernels(
  values: Float32Array,
  scheme: ArrayScheme,
  shape: readonly number[],
  kernels: Kernels,
): QuantizedArray | null {
  const rows = kernelRows(scheme, shape)
  if (rows === null) return null
  const { kernel, count, block, piece } = rows
  const at = arenaFor(rows, kernels)
  prepareArena(rows, kernels, at)
  const codes = new Uint8Array(Math.ceil(count / kernel.perByte))
  const scales = new Float32Array(Math.ceil(count / block))
  for (let start = 0; start < count; start += piece) {
    const size = Math.min(piece, count - start)
    new Float32Array(kernels.memory, at.values, size).set(values.subarray(start, start + size))
    const bad = kernels.census(at.values, size, at.scales)
    if (bad >= 0) {
      const found = values[start + bad]
      throw new TersorError('E_NONFINITE', `value ${start + bad} is ${found}; expected finite numbers within f32`, {
        hint: 'replace it before quantizing',
      })
    }
    if ((new Float32Array(kernels.memory, at.scales, 3)[2] as number) > MOST) return null
    encodePiece(rows, kernels, at, size)
    const bytes = Math.ceil(size / kernel.perByte)
    codes.set(new Uint8Array(kernels.memory, at.codes, bytes), start / kernel.perByte)
    const grids = Math.ceil(size / block)
    scales.set(new Float32Array(kernels.memory, at.scales, grids), start / block)
  }
  const stored = kernel.halfScales ? halves(scales, kernels) : scales
  return { scheme: scheme.id, shape: [...shape], codes, parameters: { scales: stored } }
}

/** Values by kernels: those of `decodeArray`. Null where no kernel reads this scheme in this shape, or parts do not fit. */
export function decodeByKernels(quantized: QuantizedArray, scheme: ArrayScheme, kernels: Kernels): Float32Array | null {
  const { shape, codes, parameters } = quantized
  // What does not fit is told by the codec's path.
  const count = elementCountOf(shape)
  if (!(count <= codes.length * 8)) return null
  const rows = kernelRows(scheme, shape)
  if (rows === null) return null
  const { kernel, block, piece } = rows
  const groups = groupCount(shape, scheme.grouping)
  const stored = parameters.scales
  const type = kernel.halfScales ? 'f16' : 'f32'
  if (codes.length !== Math.ceil(count / kernel.perByte) || !isLike(stored, parameterArray(type, groups))) return null
  const scales = stored instanceof Float32Array ? stored : floats(stored as Uint16Array, kernels)
  if (scales.some((scale) => !(Math.abs(scale) <= MOST)) || hasStrangeCodes(codes, kernel)) return null
  const values = new Float32Array(count)
  const at = arenaFor(rows, kernels)
  prepareArena(rows, kernels, at)
  for (let start = 0; start < count; start += piece) {
    const size = Math.min(piece, count - start)
    const bytes = Math.ceil(size / kernel.perByte)
    const first = start / kernel.perByte
    new Uint8Array(kernels.memory, at.codes, bytes).set(codes.subarray(first, first + bytes))
    const grids = Math.ceil(size / block)
    new Float32Array(kernels.memory, at.scales, grids).set(scales.subarray(start / block, start / block + grids))
    decodePiece(rows, kernels, at, size)
    values.set(new Float32Array(kernels.memory, at.values, size), start)
  }
  return values
}

/** Codes without a level: those of base 3 beyond 242, and tables of fewer levels than their bits hold. */
function hasStrangeCodes(
  codes: Uint8Array,
  { perByte, codes: how }: NonNullable<ArrayScheme['codec']['kernel']>,
): boolean {
  if (perByte === 5) return codes.some((byte) => byte > 242)
  return how.kind === 'levels' && how.search.levels.length !== 2 ** (8 / perByte)
}

function isLike(found: ParameterArray | undefined, expected: ParameterArray): boolean {
  return found !== undefined && found.constructor === expected.constructor && found.length === expected.length
}

function halves(scales: Float32Array, kernels: Kernels): Uint16Array {
  const from = kernels.reserve(6 * scales.length + 64)
  new Float32Array(kernels.memory, from, scales.length).set(scales)
  kernels.f32ToF16(from, from + 4 * scales.length, scales.length)
  return new Uint16Array(kernels.memory, from + 4 * scales.length, scales.length).slice()
}

function floats(scales: Uint16Array, kernels: Kernels): Float32Array {
  const from = kernels.reserve(6 * scales.length + 64)
  new Uint16Array(kernels.memory, from + 4 * scales.length, scales.length).set(scales)
  kernels.f16ToF32(from + 4 * scales.length, from, scales.length)
  return new Float32Array(kernels.memory, from, scales.length).slice()
}
