import { basename } from 'node:path'
import { TersorError } from '../errors.ts'
import { opsetOf, takeInventory } from '../graph/index.ts'
import type { Report, Verdict } from '../model/report.ts'
import type { StageEvent, Tools } from '../model/tools.ts'
import { VERSION } from '../version.ts'
import { differenceOf, requireLifted, toFloat, writeModel } from './dequantize.ts'
import { type Proof, type ProofOptions, proveFloat } from './dequantize-proof.node.ts'
import { decisionsOf, pointsOf } from './dequantize-report.ts'
import { sha256Of } from './file-facts.node.ts'
import { load } from './load.ts'
import { openModel } from './open-model.node.ts'
import { Phases } from './phases.ts'
import { defaultOutput, plainOptions, toolsOf } from './quantize-file.node.ts'
import { NodeStage } from './stage.node.ts'
import { readSmall } from './tensor-bytes.ts'

export interface DequantizeOptions extends ProofOptions {
  readonly shardSize?: number
  /** Skip the proof; the result says so. */
  readonly noVerify?: boolean
  /** Replace an existing file, and write although the proof failed. */
  readonly force?: boolean
  readonly hashes?: boolean
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/**
 * A quantized model back to plain float: the same inputs and outputs, weights decoded, activations not quantized any more.
 * Without `output` the result goes beside the model as `<name>.float.onnx`. What cannot be turned back stays and is listed.
 * E_PLAN when nothing in the model is quantized, or nothing of it can be turned back: no file is written then.
 */
export async function dequantize(
  input: string,
  output: string | undefined,
  options: DequantizeOptions = {},
): Promise<Report> {
  const tools = await toolsOf(options)
  const phases = new Phases(tools.notify)
  const opened = await openModel(input)
  try {
    const loaded = await phases.time('load', () => load(opened.source, opened.openExternal, tools.signal))
    const lifted = await phases.time('lift', () => toFloat(loaded.model))
    requireLifted(lifted, input)
    const inventory = await phases.time('inspect', () => takeInventory(lifted.model, readSmall))
    const path = output ?? defaultOutput(input, opened, 'float')
    const own = opened.path === undefined ? [] : [opened.path]
    const outside = loaded.model.externalFiles.filter((file) => file !== '')
    const stage = new NodeStage(path, { force: options.force ?? false, inputs: [...own, ...outside] })
    let proof: Proof
    let files: readonly string[] = []
    let byteLength = 0
    try {
      const shard = options.shardSize === undefined ? {} : { shardBytes: options.shardSize }
      const laid = await phases.time('dequantize', () =>
        writeModel(lifted.model, stage, { name: basename(path), ...shard }, tools),
      )
      byteLength = laid.files.reduce((sum, file) => sum + file.byteLength, 0)
      const [after] = stage.paths
      const difference = differenceOf(loaded.model, lifted)
      proof =
        options.noVerify === true || opened.path === undefined || after === undefined
          ? skipped(options.noVerify === true)
          : await phases.time('verify', () =>
              proveFloat(
                {
                  before: opened.path as string,
                  after,
                  input: loaded.model,
                  lifted,
                  inventory,
                  byteLength,
                  difference,
                },
                options,
                tools,
              ),
            )
      tools.signal?.throwIfAborted()
      if (proof.verdict.status === 'refused' && options.force !== true) await stage.discard()
      else files = await phases.time('publish', () => stage.publish())
    } catch (thrown) {
      await stage.discard()
      throw abortedOr(thrown, tools)
    }
    const published = files.length > 0
    const opset = opsetOf(lifted.model) ?? 0
    const hashed = options.hashes === true
    return {
      tersor: VERSION,
      schema: 1,
      command: 'dequantize',
      input: {
        path: opened.path ?? opened.source.label,
        bytes: loaded.model.byteLength,
        ...(hashed && opened.path !== undefined ? { sha256: await sha256Of(opened.path) } : {}),
        family: inventory.family,
        opset: opsetOf(loaded.model) ?? 0,
      },
      output: {
        path,
        bytes: byteLength,
        ...(hashed && published ? { sha256: await sha256Of(path) } : {}),
        files,
      },
      requires: { onnxruntime: 'any', opset, ir: lifted.model.irVersion, sessionOptions: {} },
      options: plainOptions(options),
      decisions: await decisionsOf(lifted, inventory),
      points: pointsOf(lifted),
      verdict: proof.verdict,
      ...(proof.runtime ? { runtime: proof.runtime } : {}),
      phases: phases.list,
      peakBytes: process.resourceUsage().maxRSS * 1024,
      warnings: [...loaded.warnings, ...keptWarning(lifted.kept.length), ...proof.notes],
      ...(published ? { suggestion: `tersor compare ${quote(path)} ${quote(input)}` } : {}),
    }
  } finally {
    await opened.source.close?.()
  }
}

function skipped(asked: boolean): Proof {
  const because = asked ? 'the proof was skipped' : 'only local files are run'
  const verdict: Verdict = { status: 'unproven', data: 'none', samples: 0, because, outputs: [], worst: [], filled: [] }
  return { verdict, notes: [] }
}

function keptWarning(count: number): readonly string[] {
  if (count === 0) return []
  return [`${count} ${count === 1 ? 'node stays' : 'nodes stay'} quantized; the decisions say which and why`]
}

function abortedOr(thrown: unknown, tools: Tools): unknown {
  if (!tools.signal?.aborted) return thrown
  return new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
}

function quote(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
