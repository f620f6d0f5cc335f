import { TersorError } from '../../errors.ts'
import { packings } from '../../formats/onnx/packings/index.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { CodedSpec, IntegerSpec } from '../../model/packing.ts'
import { solveSafePairs, solveTensor } from '../../solvers/index.ts'
import { balanceValues, requireFinite, SIGNED_FACTOR, SOURCE_BYTES } from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/** The plain path: the whole tensor as floats, solved to one byte a code, then packed. The specification of every fused path. */
export async function wholeTensor(job: ProduceJob, _unit: Unit, io: UnitIo, kernels: Kernels): Promise<UnitResult> {
  const spec = job.spec as CodedSpec
  const packing = packings.get(job.packing)
  if (!packing) throw new TersorError('E_INTERNAL', `unknown packing ${job.packing}`, { where: job.label })
  const values = await loadFloats(job, io, kernels)
  requireFinite(job.label, values, 0)
  balanceValues(job, values, 0)
  const rest = [job.solver, kernels, job.label] as const
  const { quantized, squaredError, energy } =
    job.packing === SIGNED_FACTOR
      ? solveSafePairs(values, job.view, spec as IntegerSpec, ...rest)
      : solveTensor(values, job.view, spec, ...rest)
  const parts = packing.pack(quantized, job.shape)
  for (let i = 0; i < parts.length; i++) await io.write(job.targets[i] as PartTarget, 0, parts[i] as Uint8Array)
  return { squaredError, energy }
}

/** All elements of a weight as f32. */
export async function loadFloats(
  job: Pick<ProduceJob, 'source' | 'dtype' | 'shape' | 'label'>,
  io: UnitIo,
  kernels: Kernels,
): Promise<Float32Array> {
  const count = job.shape.reduce((a, b) => a * b, 1)
  const size = SOURCE_BYTES[job.dtype]
  if (size === undefined)
    throw new TersorError('E_INTERNAL', `cannot read ${job.dtype} as floats`, { where: job.label })
  const bytes = new Uint8Array(count * size)
  const wait = io.read(job.source, 0, bytes)
  if (wait) await wait
  if (job.dtype === 'f32') return new Float32Array(bytes.buffer)
  if (job.dtype === 'f64') return Float32Array.from(new Float64Array(bytes.buffer))
  const values = new Float32Array(count)
  const step = 1 << 20
  for (let start = 0; start < count; start += step) {
    const length = Math.min(step, count - start)
    const base = kernels.reserve(length * 6 + 64)
    new Uint8Array(kernels.memory, base + length * 4, length * 2).set(bytes.subarray(start * 2, (start + length) * 2))
    if (job.dtype === 'f16') kernels.f16ToF32(base + length * 4, base, length)
    else kernels.bf16ToF32(base + length * 4, base, length)
    values.set(new Float32Array(kernels.memory, base, length), start)
  }
  return values
}
