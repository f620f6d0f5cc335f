import { closeSync, existsSync, ftruncateSync, openSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import * as v from 'valibot'
import { outputError } from '../../bytes/file-sink.node.ts'
import { TersorError } from '../../errors.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { LowRank } from '../../model/low-rank.ts'
import type { QuantizedTensor } from '../../model/scheme.ts'
import { gridShapeOf, viewElementCount } from '../../numbers/grid-shape.ts'
import { packCodes, packedLength, unpackCodes } from '../../numbers/int.ts'
import { formatSchemeId } from '../../schemes/index.ts'
import type { WeightWork } from '../plan.ts'
import { writeFully } from '../produce/node-io.node.ts'
import { tensorKey } from '../tensor-key.ts'
import type { FitStore, Learned } from './fit-store.ts'
import type { FittedWeight } from './fitted.ts'
import { readPayload, readRecords, recordOf, type WorkRecord } from './work-records.node.ts'

const FORMAT = 'tersor codes in work 2'

const RunSchema = v.object({ format: v.literal(FORMAT), base: v.string(), key: v.string() })
const amount = v.pipe(v.number(), v.finite())
const FoundSchema = v.object({
  weight: v.string(),
  learned: v.optional(v.string()),
  scheme: v.string(),
  squaredError: amount,
  energy: amount,
  solver: v.custom<FittedWeight['solver']>((one) => typeof one === 'string'),
  corrections: v.array(v.string()),
  because: v.string(),
  lowRank: v.optional(v.object({ rank: v.pipe(v.number(), v.integer(), v.minValue(1)), bits: v.picklist([4, 8]) })),
})
const RefusedSchema = v.object({ weight: v.string(), refused: v.string() })
const LearnedSchema = v.object({ learned: v.string(), weights: v.array(v.string()), note: v.optional(v.string()) })
const EntrySchema = v.union([FoundSchema, RefusedSchema])
type Entry = v.InferOutput<typeof EntrySchema>
type Found = v.InferOutput<typeof FoundSchema>

/** The hidden file beside a result that is still being found. Its name is that of no staged folder. */
export function workFileOf(output: string): string {
  const path = resolve(output)
  return join(dirname(path), `.${basename(path)}.tersor-work`)
}

/**
 * Codes of a run in progress, in a file: each weight's as soon as they are found, so that memory holds those of one layer and a run that was stopped
 * or killed is gone on from. A file of another `base` (of model, samples and version) is started anew, one with a damaged record is
 * used up to it. Attempts with other plans share it, each with its own `key`. Throws E_OUTPUT where it cannot be written.
 */
export class FitWorkFile implements FitStore {
  readonly path: string
  /** What is to be said of what was there. */
  readonly notes: readonly string[]
  /** By learning (none: '') and weight. */
  readonly #entries = new Map<string, { readonly entry: Entry; readonly record: WorkRecord }>()
  readonly #learned = new Map<string, v.InferOutput<typeof LearnedSchema>>()
  #fd: number | undefined
  #end = 0

  constructor(path: string, base: string, key: string) {
    this.path = path
    const notes: string[] = []
    let isOpen = false
    try {
      if (existsSync(path) && statSync(path).isFile()) isOpen = this.#goOn(base, key, notes)
      this.#fd = openSync(path, existsSync(path) ? 'r+' : 'w+')
      ftruncateSync(this.#fd, this.#end)
    } catch (cause) {
      throw cause instanceof TersorError ? cause : outputError(path, cause)
    }
    if (!isOpen) this.#append(JSON.stringify({ format: FORMAT, base, key }), [])
    this.notes = notes
  }

  /** Weights that are done. */
  get count(): number {
    return [...this.#entries.values()].filter(({ entry }) => !('learned' in entry)).length
  }

  known(work: WeightWork): FittedWeight | string | undefined {
    const found = this.#entries.get(entryKey(keyOf(work)))
    if (found === undefined) return undefined
    if ('refused' in found.entry) return found.entry.refused
    return storedWeight(this.path, work, found.entry, found.record)
  }

  keep<T extends FittedWeight | string>(work: WeightWork, found: T): T {
    const weight = keyOf(work)
    if (typeof found === 'string') {
      const entry: Entry = { weight, refused: found }
      this.#entries.set(entryKey(weight), { entry, record: this.#append(JSON.stringify(entry), []) })
      return found
    }
    return this.#keepFound(work, found as FittedWeight) as T
  }

  knownLearned(name: string, works: readonly WeightWork[]): Learned | undefined {
    const known = this.#learned.get(name)
    if (known === undefined) return undefined
    const byKey = new Map(works.map((work) => [keyOf(work), work]))
    const fitted = new Map<WeightFacts, FittedWeight>()
    for (const key of known.weights) {
      const [work, found] = [byKey.get(key), this.#entries.get(entryKey(key, name))]
      if (!work || !found || 'refused' in found.entry) return undefined
      fitted.set(work.weight, storedWeight(this.path, work, found.entry, found.record))
    }
    return { fitted, ...(known.note === undefined ? {} : { note: known.note }) }
  }

  keepLearned(name: string, works: readonly WeightWork[], { fitted, note }: Learned): Learned {
    const kept = new Map<WeightFacts, FittedWeight>()
    const weights: string[] = []
    for (const work of works) {
      const found = fitted.get(work.weight)
      if (found === undefined) continue
      weights.push(keyOf(work))
      kept.set(work.weight, this.#keepFound(work, found, name))
    }
    const known = { learned: name, weights, ...(note === undefined ? {} : { note }) }
    this.#append(JSON.stringify(known), [])
    this.#learned.set(name, known)
    return { fitted: kept, ...(note === undefined ? {} : { note }) }
  }

  #keepFound(work: WeightWork, found: FittedWeight, learned?: string): FittedWeight {
    const weight = keyOf(work)
    const { quantized, squaredError, energy, solver, corrections, because, lowRank } = found
    const { codes, scales, zeros } = quantized
    const scheme = formatSchemeId(work.spec)
    const bits = bitsOf(work)
    const facts = { scheme, squaredError, energy, solver, corrections: [...corrections], because }
    const entry: Found = {
      ...{ weight, ...facts },
      ...(learned === undefined ? {} : { learned }),
      ...(lowRank ? { lowRank: { rank: lowRank.rank, bits: lowRank.bits } } : {}),
    }
    const record = this.#append(JSON.stringify(entry), [
      packCodes(bytesOf(codes), bits),
      bytesOf(scales),
      ...(zeros ? [bytesOf(zeros)] : []),
      ...(lowRank ? [lowRank.left, lowRank.right, bytesOf(lowRank.scales)] : []),
    ])
    this.#entries.set(entryKey(weight, learned), { entry, record })
    return storedWeight(this.path, work, entry, record)
  }

  /** Nothing is added any more; what was kept can still be read. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  /** The result is complete, or never will be. */
  remove(): void {
    this.close()
    rmSync(this.path, { force: true })
  }

  /** Whether what is added next belongs to this key. */
  #goOn(base: string, key: string, notes: string[]): boolean {
    const { records, end, damaged } = readRecords(this.path)
    const [first] = records
    const run = first && v.safeParse(RunSchema, jsonOf(first.head))
    if (run?.success !== true || run.output.base !== base) {
      const why = run?.success ? 'is of another model, other data or other options' : 'is damaged or of another version'
      notes.push(`what an earlier run left in ${this.path} ${why}: started over`)
      return false
    }
    this.#end = end
    let bad = damaged
    let own = false
    for (const record of records) {
      const head = jsonOf(record.head)
      const [plan, entry, learned] = [
        v.safeParse(RunSchema, head),
        v.safeParse(EntrySchema, head),
        v.safeParse(LearnedSchema, head),
      ]
      if (plan.success) own = plan.output.key === key
      else if (entry.success && own) {
        const { weight } = entry.output
        this.#entries.set(entryKey(weight, nameOf(entry.output)), { entry: entry.output, record })
      } else if (learned.success && own) this.#learned.set(learned.output.learned, learned.output)
      else if (!entry.success && !learned.success) {
        this.#end = record.start
        bad = true
        break
      }
    }
    if (bad) notes.push(`${this.path} is damaged behind its first ${this.count} weights: what follows is found again`)
    if (this.count > 0) notes.push(`went on from ${this.path}: ${this.count} weights were done by an earlier run`)
    return own
  }

  #append(head: string, payload: readonly Uint8Array[]): WorkRecord {
    const fd = this.#fd
    if (fd === undefined) throw new TersorError('E_INTERNAL', 'the work file is closed', { where: this.path })
    const start = this.#end
    try {
      for (const part of recordOf(head, payload)) {
        writeFully(fd, part, this.#end, this.path)
        this.#end += part.byteLength
      }
    } catch (cause) {
      throw cause instanceof TersorError ? cause : outputError(this.path, cause)
    }
    return { head, start, byteLength: this.#end - start }
  }
}

/** Codes that are read from the file, and held by nobody, each time they are asked for. */
function storedWeight(path: string, work: WeightWork, entry: Found, record: WorkRecord): FittedWeight {
  const { squaredError, energy, solver, corrections, because, scheme, lowRank } = entry
  return {
    ...{ squaredError, energy, solver, corrections, because },
    ...(lowRank ? { lowRank: lowRankIn(path, record, work, lowRank) } : {}),
    get quantized() {
      const found = quantizedIn(readPayload(path, record), work, scheme, lowRank)
      if (found) return found
      throw notKept(path, work)
    },
  }
}

function quantizedIn(
  bytes: Uint8Array | null,
  { weight, spec }: WeightWork,
  scheme: string,
  lowRank: Found['lowRank'],
): QuantizedTensor | undefined {
  const view = weight.uses[0]?.view
  if (bytes === null || !view || spec.family === 'half' || formatSchemeId(spec) !== scheme) return undefined
  const [count, { grids }] = [viewElementCount(view), gridShapeOf(spec.granularity, view)]
  const bits = storedBits(spec.bits)
  const codes = packedLength(count, bits)
  const behind = lowRank ? lowRank.rank * (view.channels + view.depth + 4) : 0
  if (bytes.length !== codes + grids * (spec.symmetric ? 4 : 5) + behind) return undefined
  const part = (start: number, length: number): Uint8Array => bytes.slice(start, start + length)
  return {
    spec,
    view,
    codes: unpackCodes(part(0, codes), count, bits),
    scales: new Float32Array(part(codes, grids * 4).buffer),
    ...(spec.symmetric ? {} : { zeros: part(codes + grids * 4, grids) }),
  }
}

/** Names of weights have no line feeds of ours, and those of learnings are hashes. */
function entryKey(weight: string, learned = ''): string {
  return `${learned}\n${weight}`
}

function nameOf(entry: Entry): string | undefined {
  return 'learned' in entry ? entry.learned : undefined
}

/** The end of the payload: thin, so it is held. */
function lowRankIn(
  path: string,
  record: WorkRecord,
  work: WeightWork,
  { rank, bits }: NonNullable<Found['lowRank']>,
): LowRank {
  const bytes = readPayload(path, record)
  const view = work.weight.uses[0]?.view
  if (bytes === null || !view) throw notKept(path, work)
  const { channels, depth } = view
  const start = bytes.length - rank * (channels + depth + 4)
  if (start < 0) throw notKept(path, work)
  const part = (from: number, length: number): Uint8Array => bytes.slice(start + from, start + from + length)
  return {
    ...{ rank, bits, channels, depth },
    left: part(0, depth * rank),
    right: part(depth * rank, rank * channels),
    scales: new Float32Array(part(rank * (depth + channels), rank * 4).buffer),
  }
}

function notKept(path: string, { weight }: WeightWork): TersorError {
  return new TersorError('E_FORMAT', `${path}: the codes of "${weight.name}" are not those that were kept`, {
    where: path,
    hint: 'delete the file and run again',
  })
}

function keyOf({ weight }: WeightWork): string {
  return tensorKey(weight.scope, weight.name)
}

function bitsOf({ spec, weight }: WeightWork): number {
  if (spec.family === 'half') throw new TersorError('E_INTERNAL', 'no codes to keep', { where: weight.name })
  return storedBits(spec.bits)
}

/** Codes of other widths take the next that fills bytes. */
function storedBits(bits: number): number {
  return bits <= 2 ? 2 : bits <= 4 ? 4 : 8
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
