import { mkdtempSync, rmSync } from 'node:fs'
import { freemem } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { TersorError } from '../errors.ts'
import { givenThresholds, type Thresholds, verdictOf } from '../evaluation/index.ts'
import type { Model } from '../model/graph.ts'
import type { Report, Verdict } from '../model/report.ts'
import type { Runtime, RuntimeSession } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import { findRuntime } from '../runtime/find.node.ts'
import type { Judging } from './judging.node.ts'
import { inTurns } from './observe-threads.node.ts'
import type { OpenedModel } from './open-model.node.ts'
import { fewestBits, judge, worstTensors } from './prove.ts'
import { referenceModel } from './reference.ts'
import type { Decided, Prove, ProveContext } from './run.ts'
import { save } from './save.ts'
import { noiseOf, switchedModel } from './sensitivity.ts'
import { NodeStage } from './stage.node.ts'
import { type FloatRunAsk, floatRunOf, type RanFloat } from './truth/float-run.node.ts'

export interface ProveFileOptions extends FloatRunAsk, Judging, Thresholds {
  /** Bytes the whole process may use; the proof by running needs about the float model and the result together. */
  readonly maxMemory?: number
  /** Default thresholds are those of so many bits, whatever the result has. */
  readonly judgedAs?: number
  readonly shared?: SharedRun
}

/** The answers of a float model, for several results of it: over all of the data, or over what was held back. Whoever owns it closes it. */
export interface SharedRun {
  readonly runs: Map<'all' | 'held', RanFloat>
}

export interface FileProver {
  readonly prove: Prove
  /** Noise that each change alone adds, measured on the float graph; null when it cannot be measured. */
  noise(context: ProveContext): Promise<ReadonlyMap<string, number> | null>
  readonly runtime?: Report['runtime']
  warnings(): readonly string[]
  close(): Promise<void>
}

/** Above this many bytes of weights the float emulation is not built: it is a whole float model in memory and on disk. */
const REFERENCE_BYTES = 1 << 30

/**
 * Proves a staged result on an onnxruntime found on this machine. Without one the verdict is `unproven`; a float model that
 * onnxruntime itself refuses is reported as such; where both models do not fit memory, the weights alone are judged. `started`: a runtime that
 * is there already, and stays its caller's.
 */
export async function proverOf(
  opened: OpenedModel,
  options: ProveFileOptions,
  tools: Tools,
  started?: Promise<Runtime | undefined>,
): Promise<FileProver> {
  const passed: string[] = []
  // Starts while the weights are quantized; a failure is an answer, not an error.
  const own = async (): Promise<Runtime | undefined> =>
    opened.path === undefined
      ? undefined
      : findRuntime({ passedOver: (name, why) => passed.push(`${name} was passed over: ${why.message}`) })
  let closes = started === undefined
  const finding =
    started === undefined
      ? own()
      : started.then((found) => {
          if (found !== undefined) return inTurns(found)
          closes = true
          return own()
        })
  const close = async (): Promise<void> => {
    const found = await finding.catch(() => undefined)
    if (closes) await found?.close()
  }
  // Runs hear of a stop themselves, loading does not.
  const stop = () => void close()
  tools.signal?.addEventListener('abort', stop, { once: true })
  let runtime: Runtime | undefined
  const notes: string[] = []
  let facts: Report['runtime']
  const over = options.fitted === true ? 'held' : 'all'
  let ran: RanFloat | undefined = options.shared?.runs.get(over)

  const prove: Prove = async ({ decided, saved, stage }) => {
    const thresholds = givenThresholds(options)
    const unrun = (notRun: string): Verdict =>
      verdictOf({
        data: 'none',
        samples: 0,
        bits: options.judgedAs ?? fewestBits(decided),
        thresholds,
        worst: worstTensors(decided, saved),
        notRun,
      })
    if (opened.path === undefined)
      return unrun('models read from an address are not run; download the file to prove the result')
    runtime = await finding
    if (!runtime) return unrun(['no onnxruntime was found on this machine', ...passed].join('; '))
    facts = { name: runtime.name, version: runtime.version, threads: 1, cpu: runtime.cpu }
    const need = (decided.input.byteLength + saved.byteLength) * 2
    const room = options.maxMemory ?? freemem() * 0.8
    if (need > room) {
      return unrun(
        `float model and result need about ${megabytes(need)} MB to run side by side and ${megabytes(room)} MB may be used; judged by weights only`,
      )
    }
    if (!ran) {
      const first = await firstRun(runtime, opened.path as string, decided, options, tools)
      if (typeof first === 'string') return unrun(first)
      notes.push(...first.notes)
      ran = first
      options.shared?.runs.set(over, first)
    }
    const staged = stage.paths?.[0]
    if (staged === undefined) throw new TersorError('E_INTERNAL', 'the stage has no path to run from')
    const reference =
      decided.input.byteLength <= REFERENCE_BYTES
        ? await writeBeside(await referenceModel(decided, saved, stage, tools), dirname(staged), tools)
        : undefined
    if (!reference) notes.push('the float emulation was left out: the model is too large to be held twice')
    try {
      return await judge(
        runtime,
        { fused: { path: staged }, ...(reference ? { reference: { path: reference.path } } : {}) },
        ran.run,
        {
          ...judgingOf(options),
          ...(options.judgedAs === undefined ? {} : { bits: options.judgedAs }),
          thresholds,
          decided,
          saved,
          onNote: (text) => notes.push(text),
        },
        tools,
      )
    } finally {
      reference?.remove()
    }
  }
  const noise: FileProver['noise'] = async ({ decided, saved, stage }) => {
    const folder = stage.paths?.[0]
    if (!runtime || !ran || folder === undefined || decided.input.byteLength > REFERENCE_BYTES) return null
    const switched = await switchedModel(decided, saved, stage, tools)
    if (!switched) return null
    const file = await writeBeside(switched.model, dirname(folder), tools)
    try {
      const session = await runtime.open({ path: file.path }, { optimized: true, threads: 1 })
      try {
        return await noiseOf(session, switched, ran.run, tools)
      } finally {
        await session.release()
      }
    } catch (thrown) {
      if (tools.signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
      notes.push(`which layers carry the error could not be measured: ${thrown.message}`)
      return null
    } finally {
      file.remove()
    }
  }
  return {
    prove,
    noise,
    get runtime() {
      return facts
    },
    // Attempts say the same things again.
    warnings: () => [...new Set(notes)],
    close: async () => {
      tools.signal?.removeEventListener('abort', stop)
      await close()
      if (options.shared === undefined) ran?.close()
    },
  }
}

/** The float model over the evidence; a sentence when onnxruntime does not run it. */
async function firstRun(
  runtime: Runtime,
  path: string,
  decided: Decided,
  options: ProveFileOptions,
  tools: Tools,
): Promise<RanFloat | string> {
  const refused: { by?: TersorError } = {}
  const open = async (): Promise<RuntimeSession> => {
    try {
      return await runtime.open({ path }, { optimized: true, threads: 1 })
    } catch (thrown) {
      if (thrown instanceof TersorError && thrown.code === 'E_RUNTIME') refused.by = thrown
      throw thrown
    }
  }
  const side = { file: decided.input, model: decided.input, inventory: decided.inventory }
  const signal = tools.signal ? { signal: tools.signal } : {}
  try {
    return await floatRunOf(open, runtime, side, { ...options, modelPath: path, ...signal }, tools)
  } catch (thrown) {
    if (refused.by !== undefined && !tools.signal?.aborted)
      return `onnxruntime ${runtime.version} does not run the float model itself: ${refused.by.message}`
    const given = options.eval !== undefined || options.calib !== undefined
    if (!given && thrown instanceof TersorError && thrown.code === 'E_RUNTIME' && !tools.signal?.aborted)
      return thrown.message
    throw thrown
  }
}

/** A model as a file in a folder of its own inside the stage, so that a killed run leaves nothing else behind. */
async function writeBeside(model: Model, folder: string, tools: Tools): Promise<{ path: string; remove: () => void }> {
  const home = mkdtempSync(join(folder, 'float-'))
  const path = join(home, 'model.onnx')
  const own = new NodeStage(path, { force: true, inputs: [] })
  await save(model, [], own, { name: basename(path), measure: false }, tools)
  await own.publish()
  return { path, remove: () => rmSync(home, { recursive: true, force: true }) }
}

function judgingOf({ by, meter, gallery }: Judging): Judging {
  return {
    ...(by === undefined ? {} : { by }),
    ...(meter === undefined ? {} : { meter }),
    ...(gallery === undefined ? {} : { gallery }),
  }
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1e6)
}
