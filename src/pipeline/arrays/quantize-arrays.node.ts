import { basename, dirname, extname, join, resolve } from 'node:path'
import { fileSource } from '../../bytes/file.node.ts'
import { readNpy, writeNpz } from '../../calibration/index.ts'
import { TersorError } from '../../errors.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { ArrayDecision, ArrayReport } from '../../model/array-report.ts'
import type { Value } from '../../model/runtime.ts'
import type { StageEvent, Tools } from '../../model/tools.ts'
import { VERSION } from '../../version.ts'
import { sha256Of } from '../file-facts.node.ts'
import { Phases } from '../phases.ts'
import { NodeStage } from '../stage.node.ts'
import { arrayFileKind, readArrays } from './array-input.node.ts'
import { storedNames } from './array-members.ts'
import { type ArrayFileOptions, arrayAsk } from './array-options.ts'
import { floatsOf, isQuantizable } from './array-values.ts'
import { quantizeOne } from './quantize-one.ts'

export interface QuantizeArraysOptions extends ArrayFileOptions {
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/**
 * Arrays of an .npy, .npz or picture to codes in an .npz, default `<name>.<scheme>.npz` beside the input. Arrays of integers in an .npz
 * are kept as they are, and said so. E_UNSUPPORTED when there is nothing to quantize.
 */
export async function quantizeArrays(
  input: string,
  output: string | undefined,
  options: QuantizeArraysOptions = {},
): Promise<ArrayReport> {
  const ask = arrayAsk(options)
  const tools = toolsFor(options)
  const phases = new Phases(tools.notify)
  const kind = await arrayFileKind(input)
  if (kind === null) {
    throw new TersorError('E_FORMAT', `${input}: expected an .npy, an .npz or a picture, found other content`, {
      where: input,
    })
  }
  const path =
    output ??
    join(
      dirname(input),
      `${basename(input, extname(input))}.${ask.budget === undefined ? ask.scheme.id : `${ask.budget}bits`}.npz`,
    )
  const read = await phases.time('load', () => readArrays(input, kind))
  if (storedNames(read.values.keys()).length > 0) {
    throw new TersorError('E_UNSUPPORTED', `${input} holds arrays that are quantized already`, {
      where: input,
      hint: `tersor dequantize ${input} gives floats again`,
    })
  }
  const importance = options.importance === undefined ? undefined : await importanceIn(options.importance)
  const members = new Map<string, Value>()
  const decisions: ArrayDecision[] = []
  await phases.time('quantize', async () => {
    let done = 0
    for (const [name, value] of read.values) {
      tools.notify({ phase: 'quantize', done: done++, total: read.values.size, note: name })
      await new Promise((resolve) => setImmediate(resolve))
      tools.signal?.throwIfAborted()
      if (kind !== 'picture' && !isQuantizable(value.dtype)) {
        members.set(name, value)
        decisions.push(kept(name, value))
        continue
      }
      const one = quantizeOne(name, value, ask, { importance, recall: options.recall === true }, tools)
      for (const [key, part] of one.members) members.set(key, part)
      decisions.push(one.decision)
    }
  })
  if (decisions.every(({ action }) => action === 'keep')) {
    throw new TersorError('E_UNSUPPORTED', `${input}: expected floats to quantize, found ${decisions[0]?.dtype}`, {
      where: input,
    })
  }
  const bytes = writeNpz(members)
  const files = await phases.time('publish', () => publish(path, bytes, input, options.force === true))
  return {
    tersor: VERSION,
    schema: 1,
    command: 'quantize',
    kind: 'arrays',
    input: { path: input, bytes: read.byteLength, ...(options.hashes ? { sha256: await sha256Of(input) } : {}) },
    output: { path, bytes: bytes.length, ...(options.hashes ? { sha256: await sha256Of(path) } : {}), files },
    options: plain(options),
    decisions,
    phases: phases.list,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    warnings: [],
    suggestion: `tersor dequantize ${path}`,
  }
}

/** Staged, then renamed: the output is whole or not there. */
export async function publish(
  path: string,
  bytes: Uint8Array,
  input: string,
  force: boolean,
): Promise<readonly string[]> {
  const stage = new NodeStage(path, { force, inputs: [resolve(input)] })
  try {
    const file = await stage.open(basename(path), bytes.length)
    await file.writeAt(0, bytes)
    return await stage.publish()
  } catch (thrown) {
    await stage.discard()
    throw thrown
  }
}

export function toolsFor(options: { onEvent?: (event: StageEvent) => void; signal?: AbortSignal }): Tools {
  return {
    kernels: createKernelsSync(),
    notify: options.onEvent ?? (() => undefined),
    ...(options.signal ? { signal: options.signal } : {}),
  }
}

/** Options as data: no functions, no signals, no defaults. */
export function plain(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => typeof value !== 'function' && typeof value !== 'object'),
  )
}

function kept(name: string, { shape, dtype, data }: Value): ArrayDecision {
  const bytes = data instanceof Uint8Array ? data.length : 0
  const because = `${dtype} is data to keep, not to round`
  return { name, shape, dtype, action: 'keep', because, bytesBefore: bytes, bytesAfter: bytes }
}

async function importanceIn(path: string): Promise<Float32Array> {
  const source = fileSource(path)
  try {
    return floatsOf(await readNpy(source), path)
  } finally {
    await source.close?.()
  }
}
