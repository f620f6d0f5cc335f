import { basename, dirname, extname, join, resolve } from 'node:path'
import { writeNpy, writeNpz } from '../../calibration/index.ts'
import { writePicture } from '../../calibration/picture.node.ts'
import { TersorError } from '../../errors.ts'
import type { ArrayDecision, ArrayReport } from '../../model/array-report.ts'
import type { Value } from '../../model/runtime.ts'
import type { StageEvent } from '../../model/tools.ts'
import { dequantizeArray } from '../../schemes/arrays/index.ts'
import { VERSION } from '../../version.ts'
import { sha256Of } from '../file-facts.node.ts'
import { Phases } from '../phases.ts'
import { toolsOf } from '../quantize-file.node.ts'
import { NodeStage } from '../stage.node.ts'
import { arrayFileKind, readArrays } from './array-input.node.ts'
import { RESCORE, type StoredArray, storedArray, storedNames } from './array-members.ts'
import { keptDecision, namingErrors } from './quantize-all.ts'
import { plain, publish } from './quantize-arrays.node.ts'
import { byteLengthOf } from './quantized-bytes.ts'

const WORDS = { npy: 'an .npy', npz: 'an .npz', picture: 'a picture', other: 'other content' } as const

export interface DequantizeArraysOptions {
  readonly force?: boolean
  readonly hashes?: boolean
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/**
 * The .npz of `quantizeArrays` back to values: one array as .npy (f32; u8 for a picture, or the picture itself when the output ends in
 * .png), several as .npz. Kept arrays come along. E_FORMAT when nothing in it is quantized.
 */
export async function dequantizeArrays(
  input: string,
  output: string | undefined,
  options: DequantizeArraysOptions = {},
): Promise<ArrayReport> {
  const tools = await toolsOf(options)
  const phases = new Phases(tools.notify)
  const kind = await arrayFileKind(input)
  if (kind !== 'npz') {
    throw new TersorError('E_FORMAT', `${input}: expected an .npz that tersor wrote, found ${WORDS[kind ?? 'other']}`, {
      where: input,
      ...(kind === null ? {} : { hint: 'it holds plain values already' }),
    })
  }
  const { values, byteLength } = await phases.time('load', () => readArrays(input, 'npz'))
  const stored = storedNames(values.keys())
  if (stored.length === 0) {
    throw new TersorError('E_FORMAT', `${input}: expected arrays that tersor quantized, found none`, {
      where: input,
      hint: 'they have members named NAME.scheme and NAME.codes',
    })
  }
  const names = stored.filter((name) => !(name.endsWith(RESCORE) && stored.includes(name.slice(0, -RESCORE.length))))
  const arrays = new Map<string, Value>()
  const decisions: ArrayDecision[] = []
  const read = new Set<string>()
  await phases.time('dequantize', async () => {
    for (const name of names) {
      tools.notify({ phase: 'dequantize', done: decisions.length, total: names.length, note: name })
      tools.signal?.throwIfAborted()
      const first = storedArray(name, values)
      const second = stored.includes(`${name}${RESCORE}`) ? storedArray(`${name}${RESCORE}`, values) : undefined
      for (const key of [...first.keys, ...(second?.keys ?? [])]) read.add(key)
      const { value, decision } = await decodedArray(name, first, second)
      arrays.set(name, value)
      decisions.push(decision)
    }
    tools.notify({ phase: 'dequantize', done: names.length, total: names.length })
  })
  for (const [key, value] of values) {
    if (read.has(key)) continue
    arrays.set(key, value)
    decisions.push(keptDecision(key, value))
  }
  const [only] = arrays.size === 1 ? arrays.values() : []
  const extension = only ? '.npy' : '.npz'
  const path = output ?? join(dirname(input), `${basename(input, extname(input))}.float${extension}`)
  const bytes = only ? await encoded(only, path) : writeNpz(arrays)
  const files = await phases.time('publish', () =>
    publish(new NodeStage(path, { force: options.force === true, inputs: [resolve(input)] }), path, bytes),
  )
  return {
    tersor: VERSION,
    schema: 1,
    command: 'dequantize',
    kind: 'arrays',
    input: { path: input, bytes: byteLength, ...(options.hashes ? { sha256: await sha256Of(input) } : {}) },
    output: { path, bytes: bytes.length, ...(options.hashes ? { sha256: await sha256Of(path) } : {}), files },
    options: plain(options),
    decisions,
    phases: phases.list,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    warnings: [],
  }
}

/** One array back to values: from the finer of its codes, where there are two. */
async function decodedArray(
  name: string,
  first: StoredArray,
  second: StoredArray | undefined,
): Promise<{ value: Value; decision: ArrayDecision }> {
  const finer = second && byteLengthOf(second.quantized) > byteLengthOf(first.quantized)
  const { quantized, dtype } = finer ? second : first
  const decoded = await namingErrors(name, () => dequantizeArray(quantized))
  const value: Value =
    dtype === 'u8'
      ? { dtype, shape: quantized.shape, data: bytesOf(decoded) }
      : { dtype: 'f32', shape: quantized.shape, data: new Uint8Array(decoded.buffer) }
  const decision: ArrayDecision = {
    name,
    shape: quantized.shape,
    dtype: value.dtype,
    action: 'quantize',
    scheme: quantized.scheme,
    because: second ? 'decoded from the finer of its two codes' : 'decoded',
    bytesBefore: byteLengthOf(quantized),
    bytesAfter: (value.data as Uint8Array).length,
  }
  return { value, decision }
}

/** 0 to 255, halves away from zero, as pixels. */
function bytesOf(values: Float32Array): Uint8Array {
  return Uint8Array.from(values, (x) => Math.max(0, Math.min(255, Math.floor(x + 0.5))))
}

async function encoded(value: Value, path: string): Promise<Uint8Array> {
  if (!path.toLowerCase().endsWith('.png')) return writeNpy(value)
  const [height, width, channels] = value.shape
  if (value.dtype !== 'u8' || value.shape.length !== 3 || !height || !width || !channels || channels > 4) {
    throw new TersorError('E_USAGE', `a .png needs a picture; this is ${value.dtype} [${value.shape.join(', ')}]`, {
      where: path,
      hint: 'name a .npy',
    })
  }
  return writePicture({ shape: [height, width, channels], data: value.data as Uint8Array }, path)
}
