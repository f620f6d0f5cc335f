import { basename, dirname, extname, join } from 'node:path'
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
import { readArrays } from './array-input.node.ts'
import { storedArray, storedNames } from './array-members.ts'
import { plain, publish, toolsFor } from './quantize-arrays.node.ts'
import { byteLengthOf } from './quantized-bytes.ts'

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
  const tools = toolsFor(options)
  const phases = new Phases(tools.notify)
  const { values, byteLength } = await phases.time('load', () => readArrays(input, 'npz'))
  // A second, finer copy for rescoring is the better one to go back from; the coarse one comes first under the plain name.
  const names = storedNames(values.keys()).filter((name) => !name.endsWith('.rescore'))
  if (names.length === 0) {
    throw new TersorError('E_FORMAT', `${input}: expected arrays that tersor quantized, found none`, {
      where: input,
      hint: 'they have members named NAME.scheme and NAME.codes',
    })
  }
  const arrays = new Map<string, Value>()
  const decisions: ArrayDecision[] = []
  await phases.time('dequantize', () => {
    for (const [done, name] of names.entries()) {
      tools.notify({ phase: 'dequantize', done, total: names.length, note: name })
      const { quantized, dtype } = storedArray(name, values)
      const decoded = dequantizeArray(quantized)
      const value: Value =
        dtype === 'u8'
          ? { dtype, shape: quantized.shape, data: bytesOf(decoded) }
          : { dtype: 'f32', shape: quantized.shape, data: new Uint8Array(decoded.buffer) }
      arrays.set(name, value)
      decisions.push({
        name,
        shape: quantized.shape,
        dtype: value.dtype,
        action: 'quantize',
        scheme: quantized.scheme,
        because: 'decoded',
        bytesBefore: byteLengthOf(quantized),
        bytesAfter: (value.data as Uint8Array).length,
      })
    }
  })
  for (const [key, value] of values) {
    if (!names.some((name) => key.startsWith(`${name}.`))) arrays.set(key, value)
  }
  const [only] = arrays.size === 1 ? arrays.values() : []
  const extension = only ? '.npy' : '.npz'
  const path = output ?? join(dirname(input), `${basename(input, extname(input))}.float${extension}`)
  const bytes = only ? await encoded(only, path) : writeNpz(arrays)
  const files = await phases.time('publish', () => publish(path, bytes, input, options.force === true))
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
