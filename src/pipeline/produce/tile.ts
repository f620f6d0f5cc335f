import { TersorError } from '../../errors.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { ProduceJob, UnitIo } from './types.ts'

/** Elements of one read: 512 KiB of floats stay in the second-level cache between the read and the kernel. */
export const WINDOW_ELEMENTS = 1 << 17

/** Most elements of one kernel call, and so of a tile that must be whole (a block, a row, a column in a search). */
export const CALL_ELEMENTS = 1 << 20

/** Packed bytes one unit may hold back before it writes them. */
export const PANEL_BYTES = 12 << 20

/** The packing whose signed codes meet unsigned activations, so that pairs of them must not saturate. */
export const SIGNED_FACTOR = 'onnx/kn-s8'

export const SOURCE_BYTES: Readonly<Record<string, number>> = { f32: 4, f16: 2, bf16: 2, f64: 8 }

/**
 * Reads `count` elements from element `start` as f32 to `pointer`. `scratch` (count * 8 bytes) is used when the file holds
 * another float type. f64 is rounded to f32. A promise only where the reading is one: thousands of windows are read.
 */
export function readFloats(
  job: ProduceJob,
  io: UnitIo,
  kernels: Kernels,
  start: number,
  count: number,
  pointer: number,
  scratch: number,
): void | Promise<void> {
  const size = SOURCE_BYTES[job.dtype]
  if (size === undefined)
    throw new TersorError('E_INTERNAL', `cannot read ${job.dtype} as floats`, { where: job.label })
  const at = job.dtype === 'f32' ? pointer : scratch
  const wait = io.read(job.source, start * size, new Uint8Array(kernels.memory, at, count * size))
  if (wait) return wait.then(() => asFloats(job, kernels, start, count, at, pointer))
  if (job.dtype !== 'f32' || job.balance) asFloats(job, kernels, start, count, at, pointer)
}

/** What was read at `at`, as balanced f32 at `pointer`. */
function asFloats(job: ProduceJob, kernels: Kernels, start: number, count: number, at: number, pointer: number): void {
  if (job.dtype === 'f16') kernels.f16ToF32(at, pointer, count)
  else if (job.dtype === 'bf16') kernels.bf16ToF32(at, pointer, count)
  else if (job.dtype === 'f64') {
    new Float32Array(kernels.memory, pointer, count).set(new Float64Array(kernels.memory, at, count))
  }
  balanceValues(job, new Float32Array(kernels.memory, pointer, count), start)
}

/** Multiplies values by the job's balance, rounded to f32; `start` is the element that the first one is. */
export function balanceValues(
  { balance, view }: Pick<ProduceJob, 'balance' | 'view'>,
  values: Float32Array,
  start: number,
): void {
  if (balance === undefined) return
  const { depth, channels, along } = view
  if (along === 'row') {
    let k = start % depth
    for (let i = 0; i < values.length; i++) {
      values[i] = (values[i] as number) * (balance[k] as number)
      if (++k === depth) k = 0
    }
    return
  }
  let k = Math.floor(start / channels) % depth
  let end = channels - (start % channels)
  for (let i = 0; i < values.length; end += channels) {
    const factor = balance[k] as number
    for (; i < end && i < values.length; i++) values[i] = (values[i] as number) * factor
    if (++k === depth) k = 0
  }
}

/** Bytes of scratch that `readFloats` needs for `count` elements of this job. */
export function scratchBytes(job: ProduceJob, count: number): number {
  return job.dtype === 'f32' ? 0 : count * (SOURCE_BYTES[job.dtype] ?? 0)
}

/** Reads a tile of `rows` x `columns` starting at (row, column) of a matrix whose rows hold `width` elements. */
export function readTile(
  job: ProduceJob,
  io: UnitIo,
  kernels: Kernels,
  base: number,
  width: number,
  row: number,
  rows: number,
  column: number,
  columns: number,
  pointer: number,
  scratch: number,
): void | Promise<void> {
  if (columns === width) return readFloats(job, io, kernels, base + row * width, rows * width, pointer, scratch)
  for (let r = 0; r < rows; r++) {
    const start = base + (row + r) * width + column
    const wait = readFloats(job, io, kernels, start, columns, pointer + r * columns * 4, scratch)
    if (wait) return readRows(wait, r + 1)
  }
  async function readRows(wait: Promise<void>, first: number): Promise<void> {
    await wait
    for (let r = first; r < rows; r++) {
      const start = base + (row + r) * width + column
      await readFloats(job, io, kernels, start, columns, pointer + r * columns * 4, scratch)
    }
  }
}

/** Throws E_NONFINITE with the element's index when an error sum shows that a tile holds NaN or infinity. */
export function checkFinite(
  job: ProduceJob,
  kernels: Kernels,
  squaredError: number,
  pointer: number,
  count: number,
  index: (i: number) => number,
): void {
  if (Number.isFinite(squaredError)) return
  const values = new Float32Array(kernels.memory, pointer, count)
  for (let i = 0; i < count; i++) {
    const value = values[i] as number
    if (!Number.isFinite(value)) throw nonFinite(job.label, value, index(i))
  }
  throw new TersorError('E_NONFINITE', `weight "${job.label}": squared error overflows near element ${index(0)}`, {
    where: job.label,
  })
}

/** Throws E_NONFINITE for the first of these values that is not finite; `start` is the element that the first one is. */
export function requireFinite(label: string, values: Float32Array, start: number): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (!Number.isFinite(value)) throw nonFinite(label, value, start + i)
  }
}

export function nonFinite(label: string, value: number, index: number): TersorError {
  return new TersorError(
    'E_NONFINITE',
    `weight "${label}" holds ${value} at element ${index}; every weight must be finite`,
    {
      where: label,
      hint: `fix the export, or leave this tensor as it is with --rule '${label}=keep'`,
    },
  )
}

/** Sum of squares of a tile (f64), with a 16-byte result at `out`. */
export function energyOf(kernels: Kernels, pointer: number, count: number, out: number): number {
  let energy = 0
  for (let i = 0; i < count; i += 1 << 20) {
    kernels.squaredError(pointer + i * 4, pointer + i * 4, Math.min(count - i, 1 << 20), out)
    energy += new Float64Array(kernels.memory, out, 2)[1] as number
  }
  return energy
}

/** Lays out consecutive 64-byte aligned areas in one arena and returns their pointers. */
export function arena(kernels: Kernels, sizes: readonly number[]): number[] {
  let total = 0
  const offsets = sizes.map((size) => {
    const at = total
    total += Math.ceil(size / 64) * 64
    return at
  })
  const base = kernels.reserve(total)
  return offsets.map((offset) => base + offset)
}
