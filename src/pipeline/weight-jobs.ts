import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import type { TensorRef } from '../model/graph.ts'
import { unitsOf } from './fused.ts'
import type { LoweredWeight } from './lower.ts'
import type { PartTarget, ProduceJob, Unit, WeightSource } from './produce/types.ts'

/** Whether a weight is packed by a job: its codes are not known yet. Of an empty tensor nothing is to be written. */
export function isPacked({ work }: LoweredWeight): boolean {
  return work.fitted === undefined && work.weight.elementCount > 0
}

/** The job that packs a weight from `source` to `targets`. */
export function jobOf(
  { work }: LoweredWeight,
  source: WeightSource,
  targets: readonly PartTarget[],
  measure: boolean,
): ProduceJob {
  const view = work.weight.uses[0]?.view ?? {
    stack: 1,
    channels: 1,
    depth: work.weight.elementCount,
    along: 'row' as const,
  }
  return {
    label: work.weight.name,
    source,
    dtype: work.weight.dtype,
    shape: work.weight.shape,
    view,
    spec: work.spec,
    solver: work.solver,
    ...(work.balance === undefined ? {} : { balance: work.balance }),
    packing: work.packing?.id ?? '',
    targets,
    measure,
  }
}

/** Where the bytes of a tensor are for whoever packs it; what only its own source can read is put into `sources`. */
export async function sourceOf(tensor: TensorRef, sources: ByteSource[], local: boolean): Promise<WeightSource> {
  const { storage } = tensor
  switch (storage.kind) {
    case 'span': {
      const file = local ? fileOf(tensor) : null
      if (file) return file
      sources.push(storage.source)
      return { kind: 'source', index: sources.length - 1, start: storage.start, byteLength: storage.byteLength }
    }
    case 'bytes':
      return { kind: 'bytes', bytes: storage.bytes, byteLength: storage.byteLength }
    case 'field': {
      const bytes = await storage.load()
      return { kind: 'bytes', bytes, byteLength: bytes.length }
    }
    default:
      throw new TersorError('E_INTERNAL', `"${tensor.name}" holds no readable elements`)
  }
}

function fileOf({ storage }: TensorRef): WeightSource | null {
  if (storage.kind !== 'span' || storage.source.path === undefined) return null
  return { kind: 'file', path: storage.source.path, start: storage.start, byteLength: storage.byteLength }
}

/** A unit that can begin before it is known where its parts go: `targets` of the job say their order as `file`, nothing else. */
export interface UnitAhead {
  readonly job: ProduceJob
  readonly unit: Unit
}

/** Units of weights that lie in files, in the order in which `save` makes them, before the output is laid out. */
export function unitsAhead(weights: readonly LoweredWeight[], measure: boolean): UnitAhead[] {
  const jobs = weights.filter(isPacked).map((weight) => {
    const source = fileOf(weight.work.weight.tensor) ?? { kind: 'source', index: -1, start: 0, byteLength: 0 }
    const targets = weight.tensors.map((_, file) => ({ file, position: 0, byteLength: 0 }))
    return jobOf(weight, source, targets, measure)
  })
  return unitsOf(jobs).flatMap((unit) => {
    const job = jobs[unit.job] as ProduceJob
    return job.source.kind === 'file' ? [{ job, unit }] : []
  })
}
