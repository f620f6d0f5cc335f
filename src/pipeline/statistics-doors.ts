import { blobSource } from '../bytes/blob.ts'
import { memorySource } from '../bytes/memory.ts'
import type { ByteSource } from '../bytes/types.ts'
import { writeOrtCache } from '../calibration/ort-cache.ts'
import type { Calibrator } from '../calibration/ranges/index.ts'
import * as file from '../calibration/statistics-file.ts'
import { createReferenceKernels } from '../kernels/index.ts'
import type { Statistics } from '../model/statistics.ts'
import { askOf } from './ask-of.ts'
import { modelFingerprint } from './model-fingerprint.ts'
import { Phases } from './phases.ts'
import { prepare } from './run.ts'
import { readyStatic } from './static/static-model.ts'
import { checkStatistics } from './statistics-need.ts'
import { type NcnnOptions, ncnnTableOf } from './statistics-tables.ts'

export type AnyBytes = File | Blob | ArrayBuffer | Uint8Array | ByteSource

/**
 * What a statistics file holds: what was seen of the values of a model. E_FORMAT for what is none or contradicts itself, E_LIMIT
 * for what is too large, E_UNSUPPORTED for those of another version.
 */
export function readStatistics(input: AnyBytes): Promise<Statistics> {
  return file.readStatistics(sourceOf(input, 'statistics'))
}

/**
 * A calibration table for ncnn2int8 from statistics of this model. Normalisations that were folded into convolutions are expected
 * to be folded in the .param file too (ncnnoptimize does that). E_USAGE for statistics of another model, E_UNSUPPORTED where no
 * layer fits or a name cannot be written.
 */
export async function ncnnTable(model: AnyBytes, statistics: Statistics, options: NcnnOptions = {}): Promise<string> {
  const kernels = createReferenceKernels()
  const tools = { kernels, notify: () => undefined }
  const phases = new Phases(tools.notify)
  const prepared = await prepare({ source: sourceOf(model, 'model') }, tools, phases)
  const ready = await readyStatic(prepared, askOf({ to: 'int8-static' }), phases)
  checkStatistics(statistics, { fingerprint: await modelFingerprint(ready.model), values: [] }, 'statistics')
  return ncnnTableOf(ready.model, statistics, kernels, options)
}

/**
 * The calibration cache of onnxruntime's Python tools as JSON, which their `load_tensors_data` reads. Default calibrator: minmax,
 * the extremes as they were seen.
 */
export function ortCalibrationCache(
  statistics: Statistics,
  { calibrator }: { readonly calibrator?: Calibrator } = {},
): string {
  return writeOrtCache(statistics, calibrator)
}

function sourceOf(input: AnyBytes, label: string): ByteSource {
  if (input instanceof ArrayBuffer || input instanceof Uint8Array) return memorySource(input, label)
  return typeof Blob !== 'undefined' && input instanceof Blob ? blobSource(input, label) : (input as ByteSource)
}
