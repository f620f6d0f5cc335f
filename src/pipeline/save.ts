import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import { layout } from '../formats/onnx/index.ts'
import type { Model } from '../model/graph.ts'
import type { FileLayout } from '../model/layout.ts'
import type { Tools } from '../model/tools.ts'
import type { FittedWeight } from './fitting/fitted.ts'
import { unitsOf } from './fused.ts'
import type { LoweredWeight } from './lower.ts'
import { COUNTERS, runUnits, STOP } from './produce/run-units.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './produce/types.ts'
import type { Stage, StagedFile } from './stage.ts'
import { isPacked, jobOf, sourceOf } from './weight-jobs.ts'

export interface SaveOptions {
  /** File name of the model, without folder. */
  readonly name: string
  readonly shardBytes?: number
  /** As transformers.js has them: `<name>_data`, `<name>_data_1`, and only where the model is too large for one file. */
  readonly browserData?: boolean
  readonly measure: boolean
  /** Only the plain path: solver, then packing. */
  readonly plainOnly?: boolean
  /** Runs units on several threads over staged paths; absent: this thread only. */
  readonly threads?: (
    jobs: readonly ProduceJob[],
    units: readonly Unit[],
    outputs: readonly string[],
    notify: (done: number, label: string) => void,
  ) => Promise<Map<number, UnitResult>>
}

export interface SavedWeight {
  readonly squaredError: number
  readonly energy: number
}

export interface Saved {
  readonly layout: FileLayout
  /** Parallel to the lowered weights. */
  readonly errors: readonly SavedWeight[]
  readonly byteLength: number
}

/** Weights in the model file below 1.9 GB, else in data files; a shard size that is asked for asks for data files. */
export function layoutOf(model: Model, name: string, shardBytes: number | undefined, browserData = false): FileLayout {
  if (browserData) return layout(model, { name, ...browserLayout(shardBytes) })
  return layout(model, { name, ...(shardBytes === undefined ? {} : { shardBytes, external: 'always' as const }) })
}

/** Data files as transformers.js looks for them; without a size that was asked for, only where the model is too large for one file. */
export function browserLayout(shardBytes: number | undefined) {
  return {
    dataSuffix: '_data' as const,
    shardBytes: shardBytes ?? BROWSER_CHUNK,
    external: shardBytes === undefined ? ('auto' as const) : ('always' as const),
  }
}

/** A chunk of external data that a browser can hold in one buffer. */
const BROWSER_CHUNK = 1_900_000_000

/** Lays the output out, then writes it: what is known first, then every packed tensor at its place. */
export async function save(
  model: Model,
  weights: readonly LoweredWeight[],
  stage: Stage,
  options: SaveOptions,
  tools: Tools,
): Promise<Saved> {
  const files = layoutOf(model, options.name, options.shardBytes, options.browserData)
  const places = new Map<string, PartTarget>()
  const staged: StagedFile[] = []
  for (const [index, file] of files.files.entries()) {
    const out = await stage.open(file.name, file.byteLength)
    staged.push(out)
    let position = 0
    for (const segment of file.segments) {
      tools.signal?.throwIfAborted()
      if (segment.kind === 'bytes') await out.writeAt(position, segment.bytes)
      else if (segment.kind === 'copy') await out.copyFrom(position, segment.source, segment.start, segment.byteLength)
      else if (segment.kind === 'produced')
        places.set(segment.tensor, { file: index, position, byteLength: segment.byteLength })
      position += segment.byteLength
    }
  }

  const sources: ByteSource[] = []
  const jobs: ProduceJob[] = []
  const errors: { squaredError: number; energy: number }[] = []
  /** Parallel to the jobs: where their errors go. */
  const sums: { squaredError: number; energy: number }[] = []
  for (const weight of weights) {
    const sum = { squaredError: 0, energy: 0 }
    errors.push(sum)
    if (weight.work.fitted) Object.assign(sum, await writeFitted(weight, weight.work.fitted, places, staged))
    else if (isPacked(weight)) {
      const targets = weight.tensors.map((tensor) => placeOf(places, tensor.name, weight.work.weight.name))
      const source = await sourceOf(weight.work.weight.tensor, sources, stage.paths !== null)
      jobs.push(jobOf(weight, source, targets, options.measure))
      sums.push(sum)
    }
  }
  const units = unitsOf(jobs, options.plainOnly)
  const notify = (done: number, label: string): void =>
    tools.notify({ phase: 'quantize', done, total: units.length, note: label })
  const { threads } = options
  const here = (some: readonly Unit[]): Promise<Map<number, UnitResult>> =>
    runHere(jobs, some, sources, staged, tools, notify)
  // Other threads can open files, but not what is computed when it is read.
  const isFile = ({ job }: Unit): boolean => jobs[job]?.source.kind !== 'source'
  const results = new Map<number, UnitResult>()
  const order = new Map(units.map((unit, index) => [unit, index]))
  const run = async (some: readonly Unit[], by: (some: readonly Unit[]) => Promise<Map<number, UnitResult>>) => {
    if (some.length === 0) return
    for (const [index, result] of await by(some)) results.set(order.get(some[index] as Unit) as number, result)
  }
  const { paths } = stage
  if (paths !== null && threads) {
    await run(units.filter(isFile), (some) => threads(jobs, some, paths, notify))
    await run(
      units.filter((unit) => !isFile(unit)),
      here,
    )
  } else await run(units, here)

  for (const [index, unit] of units.entries()) {
    const result = results.get(index)
    const sum = sums[unit.job]
    if (!result || !sum) throw new TersorError('E_INTERNAL', `unit ${index} has no result`)
    sum.squaredError += result.squaredError
    sum.energy += result.energy
  }
  return { layout: files, errors, byteLength: files.files.reduce((sum, file) => sum + file.byteLength, 0) }
}

async function runHere(
  jobs: readonly ProduceJob[],
  units: readonly Unit[],
  sources: readonly ByteSource[],
  staged: readonly StagedFile[],
  tools: Tools,
  notify: (done: number, label: string) => void,
): Promise<Map<number, UnitResult>> {
  const counters = new Int32Array(COUNTERS)
  const io: UnitIo = {
    read: async (source, offset, target) => {
      if (source.kind === 'bytes') target.set(source.bytes.subarray(offset, offset + target.length))
      else if (source.kind === 'source') {
        const bytes = await (sources[source.index] as ByteSource).read(
          source.start + offset,
          source.start + offset + target.length,
          tools.signal,
        )
        target.set(bytes)
      } else throw new TersorError('E_INTERNAL', 'a path cannot be opened here')
    },
    write: (target, offset, bytes) => (staged[target.file] as StagedFile).writeAt(target.position + offset, bytes),
  }
  return runUnits(jobs, units, counters, io, tools.kernels, (done, label) => {
    notify(done, label)
    if (tools.signal?.aborted) {
      Atomics.store(counters, STOP, 1)
      throw new TersorError('E_ABORTED', 'stopped by the user')
    }
  })
}

/** Codes that are known already take the plain path: packed whole, written at their places. */
async function writeFitted(
  { work, tensors }: LoweredWeight,
  fitted: FittedWeight,
  places: ReadonlyMap<string, PartTarget>,
  staged: readonly StagedFile[],
): Promise<SavedWeight> {
  const { weight, packing } = work
  if (!packing) throw new TersorError('E_INTERNAL', 'fitted codes have no packing', { where: weight.name })
  const parts = packing.pack(fitted.quantized, weight.shape)
  for (const [i, part] of parts.entries()) {
    const target = placeOf(places, tensors[i]?.name ?? '', weight.name)
    await (staged[target.file] as StagedFile).writeAt(target.position, part)
  }
  return { squaredError: fitted.squaredError, energy: fitted.energy }
}

function placeOf(places: ReadonlyMap<string, PartTarget>, tensor: string, label: string): PartTarget {
  const place = places.get(tensor)
  if (!place) throw new TersorError('E_INTERNAL', `the layout has no place for "${tensor}"`, { where: label })
  return place
}
