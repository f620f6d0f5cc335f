import { closeSync, existsSync, ftruncateSync, openSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import * as v from 'valibot'
import { outputError } from '../../bytes/file-sink.node.ts'
import { TersorError } from '../../errors.ts'
import type { FittingId, QuantizedTensor } from '../../model/scheme.ts'
import { gridShapeOf, viewElementCount } from '../../numbers/grid-shape.ts'
import { packCodes, packedLength, unpackCodes } from '../../numbers/int.ts'
import { formatSchemeId } from '../../schemes/index.ts'
import type { WeightWork } from '../plan.ts'
import { writeFully } from '../produce/node-io.node.ts'
import { tensorKey } from '../tensor-key.ts'
import type { FitStore } from './fit-store.ts'
import type { FittedWeight } from './fitted.ts'
import { readPayload, readRecords, recordOf, type WorkRecord } from './work-records.node.ts'

const FORMAT = 'tersor codes in work 1'

const RunSchema = v.object({ format: v.literal(FORMAT), key: v.string() })
const amount = v.pipe(v.number(), v.finite())
const FoundSchema = v.object({
  weight: v.string(),
  scheme: v.string(),
  squaredError: amount,
  energy: amount,
  solver: v.custom<FittingId>((one) => typeof one === 'string'),
  corrections: v.array(v.string()),
  because: v.string(),
})
const RefusedSchema = v.object({ weight: v.string(), refused: v.string() })
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
 * or killed is gone on from. A file of another `key` (of model, plan, samples and version) is started anew, one with a damaged record is
 * used up to it. Throws E_OUTPUT where it cannot be written.
 */
export class FitWorkFile implements FitStore {
  readonly path: string
  /** What is to be said of what was there. */
  readonly notes: readonly string[]
  readonly #entries = new Map<string, { readonly entry: Entry; readonly record: WorkRecord }>()
  #fd: number | undefined
  #end = 0

  constructor(path: string, key: string) {
    this.path = path
    const notes: string[] = []
    try {
      if (existsSync(path) && statSync(path).isFile()) this.#goOn(key, notes)
      this.#fd = openSync(path, existsSync(path) ? 'r+' : 'w+')
      ftruncateSync(this.#fd, this.#end)
    } catch (cause) {
      throw cause instanceof TersorError ? cause : outputError(path, cause)
    }
    if (this.#end === 0) this.#append(JSON.stringify({ format: FORMAT, key }), [])
    this.notes = notes
  }

  /** Weights that are done. */
  get count(): number {
    return this.#entries.size
  }

  known(work: WeightWork): FittedWeight | string | undefined {
    const found = this.#entries.get(keyOf(work))
    if (found === undefined) return undefined
    if ('refused' in found.entry) return found.entry.refused
    return storedWeight(this.path, work, found.entry, found.record)
  }

  keep<T extends FittedWeight | string>(work: WeightWork, found: T): T {
    const weight = keyOf(work)
    if (typeof found === 'string') {
      const entry: Entry = { weight, refused: found }
      this.#entries.set(weight, { entry, record: this.#append(JSON.stringify(entry), []) })
      return found
    }
    const { quantized, squaredError, energy, solver, corrections, because } = found as FittedWeight
    const { codes, scales, zeros } = quantized
    const scheme = formatSchemeId(work.spec)
    const bits = bitsOf(work)
    const entry: Found = { weight, scheme, squaredError, energy, solver, corrections: [...corrections], because }
    const record = this.#append(JSON.stringify(entry), [
      packCodes(bytesOf(codes), bits),
      bytesOf(scales),
      ...(zeros ? [bytesOf(zeros)] : []),
    ])
    this.#entries.set(weight, { entry, record })
    return storedWeight(this.path, work, entry, record) as T
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

  #goOn(key: string, notes: string[]): void {
    const { records, end, damaged } = readRecords(this.path)
    const [first, ...rest] = records
    const run = first && v.safeParse(RunSchema, jsonOf(first.head))
    if (run?.success !== true || run.output.key !== key) {
      const why = run?.success ? 'is of another model, other data or other options' : 'is damaged or of another version'
      notes.push(`what an earlier run left in ${this.path} ${why}: started over`)
      return
    }
    this.#end = end
    let bad = damaged
    for (const record of rest) {
      const entry = v.safeParse(EntrySchema, jsonOf(record.head))
      if (!entry.success) {
        this.#end = record.start
        bad = true
        break
      }
      this.#entries.set(entry.output.weight, { entry: entry.output, record })
    }
    if (bad) notes.push(`${this.path} is damaged behind its first ${this.count} weights: what follows is found again`)
    if (this.count > 0) notes.push(`went on from ${this.path}: ${this.count} weights were done by an earlier run`)
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
  const { squaredError, energy, solver, corrections, because, scheme } = entry
  return {
    ...{ squaredError, energy, solver, corrections, because },
    get quantized() {
      const found = quantizedIn(readPayload(path, record), work, scheme)
      if (found) return found
      throw new TersorError('E_FORMAT', `${path}: the codes of "${work.weight.name}" are not those that were kept`, {
        where: path,
        hint: 'delete the file and run again',
      })
    },
  }
}

function quantizedIn(
  bytes: Uint8Array | null,
  { weight, spec }: WeightWork,
  scheme: string,
): QuantizedTensor | undefined {
  const view = weight.uses[0]?.view
  if (bytes === null || !view || spec.family !== 'integer' || formatSchemeId(spec) !== scheme) return undefined
  const [count, { grids }] = [viewElementCount(view), gridShapeOf(spec.granularity, view)]
  const codes = packedLength(count, spec.bits)
  if (bytes.length !== codes + grids * (spec.symmetric ? 4 : 5)) return undefined
  const part = (start: number, length: number): Uint8Array => bytes.slice(start, start + length)
  return {
    spec,
    view,
    codes: unpackCodes(part(0, codes), count, spec.bits),
    scales: new Float32Array(part(codes, grids * 4).buffer),
    ...(spec.symmetric ? {} : { zeros: part(codes + grids * 4, grids) }),
  }
}

function keyOf({ weight }: WeightWork): string {
  return tensorKey(weight.scope, weight.name)
}

function bitsOf({ spec, weight }: WeightWork): number {
  if (spec.family !== 'integer') throw new TersorError('E_INTERNAL', 'no integer codes to keep', { where: weight.name })
  return spec.bits
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
