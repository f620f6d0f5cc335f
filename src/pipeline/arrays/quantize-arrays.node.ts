import { basename, dirname, extname, join, resolve } from 'node:path'
import { fileSource } from '../../bytes/file.node.ts'
import { readNpy, writeNpz } from '../../calibration/index.ts'
import { TersorError } from '../../errors.ts'
import type { ArrayDecision, ArrayReport } from '../../model/array-report.ts'
import type { StageEvent } from '../../model/tools.ts'
import { VERSION } from '../../version.ts'
import { sha256Of } from '../file-facts.node.ts'
import { Phases } from '../phases.ts'
import { toolsOf } from '../quantize-file.node.ts'
import { NodeStage } from '../stage.node.ts'
import { shellQuoted } from '../suggestion.ts'
import { type ArrayInput, arrayFileKind, readArrays } from './array-input.node.ts'
import { storedNames } from './array-members.ts'
import { type ArrayFileOptions, arrayAsk } from './array-options.ts'
import { floatsOf } from './array-values.ts'
import { quantizeAll } from './quantize-all.ts'

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
  const kind = await arrayFileKind(input)
  const ask = arrayAsk(kind === 'picture' ? { ...options, to: pictureScheme(options) } : options)
  const tools = await toolsOf(options)
  const phases = new Phases(tools.notify)
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
  const stage = new NodeStage(path, { force: options.force === true, inputs: [resolve(input)] })
  try {
    const read = await phases.time('load', () => readArrays(input, kind))
    if (storedNames(read.values.keys()).length > 0) {
      throw new TersorError('E_UNSUPPORTED', `${input} holds arrays that are quantized already`, {
        where: input,
        hint: `tersor dequantize ${shellQuoted(input)} gives floats again`,
      })
    }
    const importance = options.importance === undefined ? undefined : await importanceIn(options.importance)
    const { members, decisions } = await phases.time('quantize', () =>
      quantizeAll(read, ask, importance, options.recall === true, tools),
    )
    if (decisions.every(({ action }) => action === 'keep')) {
      throw new TersorError('E_UNSUPPORTED', `${input}: expected floats to quantize, found ${decisions[0]?.dtype}`, {
        where: input,
        hint: 'integers and text are data to keep; save numbers as float32',
      })
    }
    const bytes = writeNpz(members)
    const files = await phases.time('publish', () => publish(stage, path, bytes))
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
      warnings: warningsFor(read, bytes.length, decisions),
      suggestion: `tersor dequantize ${shellQuoted(path)}`,
    }
  } finally {
    await stage.discard()
  }
}

/** Pixels have 8 bits already: 16 levels a colour, unless something else is asked for. */
function pictureScheme({ to, budget }: QuantizeArraysOptions): string | undefined {
  return budget === undefined && (to === undefined || to === 'auto') ? 'int4-column-offset' : to
}

function warningsFor({ kind, byteLength }: ArrayInput, after: number, decisions: readonly ArrayDecision[]): string[] {
  if (after < byteLength) return []
  const coded = decisions.reduce((sum, { bytesAfter }) => sum + bytesAfter, 0)
  const plain = decisions.reduce((sum, { bytesBefore }) => sum + bytesBefore, 0)
  const because =
    after - coded > coded
      ? `${after - coded} of its ${after} bytes are names and headers`
      : kind === 'picture' || byteLength < plain
        ? 'the input is compressed, codes are not'
        : 'codes and parameters take as much as the values did'
  return [`the output is not smaller than the input: ${because}`]
}

/** Written to the stage, then renamed: the output is whole or not there. */
export async function publish(stage: NodeStage, path: string, bytes: Uint8Array): Promise<readonly string[]> {
  try {
    const file = await stage.open(basename(path), bytes.length)
    await file.writeAt(0, bytes)
    return await stage.publish()
  } finally {
    await stage.discard()
  }
}

/** Options as data: no functions, no signals, no defaults. */
export function plain(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(
      ([name, value]) => name !== 'hashes' && typeof value !== 'function' && typeof value !== 'object',
    ),
  )
}

async function importanceIn(path: string): Promise<Float32Array> {
  const source = fileSource(path)
  try {
    return floatsOf(await readNpy(source), path)
  } finally {
    await source.close?.()
  }
}
