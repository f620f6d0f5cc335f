import { TersorError } from '../../errors.ts'
import { packings } from '../../formats/onnx/packings/index.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { CodedSpec, Packing } from '../../model/packing.ts'
import { solveTensor } from '../../solvers/index.ts'
import { arena, nonFinite, readFloats, readTile, scratchBytes } from './tile.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/** Codes of level tables, some channels at a time, packed one channel after the other (MatMulNBits, MatMulBnb4). */
export async function channelsOfLevels(job: ProduceJob, unit: Unit, io: UnitIo, kernels: Kernels): Promise<UnitResult> {
  const spec = job.spec as CodedSpec
  const packing = packings.get(job.packing)
  if (!packing) throw new TersorError('E_INTERNAL', `unknown packing ${job.packing}`, { where: job.label })
  const { depth, along, channels } = job.view
  const view = { ...job.view, channels: unit.to - unit.from }
  const values = await floatsOf(job, unit, io, kernels)
  const wrong = values.findIndex((value) => !Number.isFinite(value))
  if (wrong >= 0) {
    const width = view.channels
    const place = Math.floor(wrong / width) * channels + unit.from + (wrong % width)
    throw nonFinite(job.label, values[wrong] as number, along === 'row' ? unit.from * depth + wrong : place)
  }
  const { quantized, squaredError, energy } = solveTensor(values, view, spec, job.solver, kernels, job.label)
  const parts = packing.pack(quantized, along === 'row' ? [view.channels, depth] : [depth, view.channels])
  const before = unit.from === 0 ? null : bytesOf(packing, spec, { ...job.view, channels: unit.from })
  for (const [i, part] of parts.entries()) await io.write(job.targets[i] as PartTarget, before?.[i] ?? 0, part)
  return { squaredError, energy }
}

function bytesOf(packing: Packing, spec: CodedSpec, view: ProduceJob['view']): readonly number[] {
  const shape = view.along === 'row' ? [view.channels, view.depth] : [view.depth, view.channels]
  return packing.parts(spec, view, shape).map(({ byteLength }) => byteLength)
}

async function floatsOf(job: ProduceJob, { from, to }: Unit, io: UnitIo, kernels: Kernels): Promise<Float32Array> {
  const { depth, channels, along } = job.view
  const count = (to - from) * depth
  const [tile = 0, scratch = 0] = arena(kernels, [count * 4, Math.max(16, scratchBytes(job, count))])
  if (along === 'row') await readFloats(job, io, kernels, from * depth, count, tile, scratch)
  else await readTile(job, io, kernels, 0, channels, 0, depth, from, to - from, tile, scratch)
  return new Float32Array(kernels.memory, tile, count).slice()
}
