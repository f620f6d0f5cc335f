import { TersorError } from '../../errors.ts'
import type { Kernels } from '../../model/kernels.ts'
import { arena, nonFinite, readFloats, scratchBytes, WINDOW_ELEMENTS } from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/** float to f16 or bf16, element by element. Units count elements. A finite weight that overflows is E_NONFINITE: the plan must not allow it. */
export async function toHalf(job: ProduceJob, unit: Unit, io: UnitIo, kernels: Kernels): Promise<UnitResult> {
  const bf16 = job.spec.family === 'half' && job.spec.dtype === 'bf16'
  const window = Math.min(WINDOW_ELEMENTS, unit.to - unit.from)
  const [tile = 0, halves = 0, back = 0, sums = 0, extra = 0] = arena(kernels, [
    window * 4,
    window * 2,
    window * 4,
    16,
    scratchBytes(job, window),
  ])
  const target = job.targets[0] as PartTarget
  let squaredError = 0
  let energy = 0
  for (let start = unit.from; start < unit.to; start += window) {
    const count = Math.min(window, unit.to - start)
    await readFloats(job, io, kernels, start, count, tile, extra)
    const bad = kernels.census(tile, count, sums)
    if (bad >= 0) throw nonFinite(job.label, new Float32Array(kernels.memory, tile, count)[bad] as number, start + bad)
    const overflow = bf16 ? kernels.f32ToBf16(tile, halves, count) : kernels.f32ToF16(tile, halves, count)
    if (overflow > 0) {
      throw new TersorError(
        'E_NONFINITE',
        `${overflow} weights of "${job.label}" are too large for ${bf16 ? 'bf16' : 'f16'}`,
        {
          where: job.label,
          hint: `keep this tensor with --rule '${job.label}=keep', or use bf16-weights`,
        },
      )
    }
    if (job.measure) {
      if (bf16) kernels.bf16ToF32(halves, back, count)
      else kernels.f16ToF32(halves, back, count)
      kernels.squaredError(tile, back, count, sums)
      const [error = 0, square = 0] = new Float64Array(kernels.memory, sums, 2)
      squaredError += error
      energy += square
    }
    await io.write(target, start * 2, new Uint8Array(kernels.memory, halves, count * 2))
  }
  return { squaredError, energy }
}
