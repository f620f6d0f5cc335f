import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Inventory } from '../../model/inventory.ts'
import type { Feeds, Runtime, RuntimeSession, SessionInput } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { type EvidenceOptions, evidenceFor } from '../evidence.node.ts'
import type { Evidence, FloatRun } from '../evidence.ts'
import { sha256Of } from '../file-facts.node.ts'
import { type FloatRunOptions, hintsOf, runFloat } from '../prove.ts'
import {
  type FloatOutputs,
  floatOutputsWriter,
  type OutputsKey,
  openFloatOutputs,
  samplesKey,
} from './float-outputs.node.ts'

export interface FloatRunAsk extends EvidenceOptions {
  /** A file of answers: read where it exists, so that the model is not even opened; else written. */
  readonly floatOutputs?: string
  /** Answers held in memory before they go to a temporary file; for tests. */
  readonly heldBytes?: number
}

export interface FloatSide {
  /** The model as its file has it: what a file of answers belongs to. */
  readonly file: Model
  /** Its float graph, which says what ids tables take. */
  readonly model: Model
  readonly inventory: Inventory
}

export interface RanFloat {
  readonly run: FloatRun
  readonly notes: readonly string[]
  close(): void
}

/** The reference over the data that were asked for, by running it or from what an earlier run saved. */
export async function floatRunOf(
  open: () => Promise<RuntimeSession>,
  runtime: Pick<Runtime, 'name' | 'version'>,
  { file, model, inventory }: FloatSide,
  options: FloatRunAsk,
  tools: Tools,
): Promise<RanFloat> {
  const hints = hintsOf(model, inventory)
  const { floatOutputs } = options
  const named = `${runtime.name} ${runtime.version}`
  if (floatOutputs !== undefined && existsSync(floatOutputs)) {
    const unopened = sessionLike(file)
    const evidence = await evidenceFor(model, inventory, unopened, { ...options, unrun: true })
    const key = { model: await filesKey(options.modelPath, file), samples: await samplesKey(evidence) }
    const saved = openFloatOutputs(floatOutputs, key)
    if (saved !== undefined) {
      const other = saved.runtime === named ? [] : [`float outputs of ${floatOutputs} come from ${saved.runtime}`]
      return {
        run: fromSaved(evidence, saved),
        notes: [
          ...evidence.notes,
          `float outputs were read from ${floatOutputs}: the float model was not run`,
          ...other,
        ],
        close: saved.close,
      }
    }
  }
  const session = await open()
  try {
    const evidence = await evidenceFor(model, inventory, session, options)
    const run = (keep: NonNullable<FloatRunOptions['keep']>) => runFloat(session, evidence, tools, { hints, keep })
    if (floatOutputs === undefined) return { notes: evidence.notes, ...(await heldOrSpilt(run, options.heldBytes)) }
    const key = { model: await filesKey(options.modelPath, file), samples: await samplesKey(evidence) }
    const saved = await writtenTo(floatOutputs, key, named, run)
    return {
      run: fromSaved(evidence, saved),
      notes: [...evidence.notes, `float outputs were saved to ${floatOutputs}`],
      close: saved.close,
    }
  } finally {
    await session.release()
  }
}

type Run = (keep: NonNullable<FloatRunOptions['keep']>) => Promise<FloatRun>

function fromSaved(evidence: Evidence, { results, batch, order }: FloatOutputs): FloatRun {
  const { length } = evidence.samples
  const expected = order?.apart === true ? 2 * length : length
  if (results.length !== expected)
    throw new TersorError('E_FORMAT', `float outputs: expected ${expected} results, found ${results.length}`)
  return {
    evidence,
    results: results.slice(0, length),
    ...(order === undefined ? {} : { order }),
    ...(order?.apart === true ? { own: results.slice(length) } : {}),
    ...(batch === undefined ? {} : { batch }),
  }
}

/** Every answer into the file as it comes. */
async function writtenTo(path: string, key: OutputsKey, named: string, run: Run) {
  const writer = floatOutputsWriter(path, key, named)
  try {
    const ran = await run(async (answer) => {
      await writer.add(answer)
      return {}
    })
    await writer.commit(ran)
    return openFloatOutputs(path, key) as FloatOutputs
  } catch (thrown) {
    await writer.abort()
    throw thrown
  }
}

/** Answers of a large vocabulary are gigabytes: above this many they go to a temporary file. */
const HELD_BYTES = 512 << 20
const OWN_KEY: OutputsKey = { model: '', samples: '' }

async function heldOrSpilt(run: Run, most = HELD_BYTES): Promise<Pick<RanFloat, 'run' | 'close'>> {
  const held: Feeds[] = []
  let bytes = 0
  let folder: string | undefined
  let writer: ReturnType<typeof floatOutputsWriter> | undefined
  const remove = () => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
  try {
    const ran = await run(async (answer) => {
      for (const { data } of Object.values(answer)) bytes += data instanceof Uint8Array ? data.length : 0
      if (writer === undefined && bytes <= most) {
        held.push(answer)
        return answer
      }
      if (writer === undefined) {
        folder = mkdtempSync(join(tmpdir(), 'tersor-float-'))
        writer = floatOutputsWriter(join(folder, 'outputs'), OWN_KEY, '')
        for (const one of held.splice(0)) await writer.add(one)
      }
      await writer.add(answer)
      return {}
    })
    if (writer === undefined || folder === undefined) return { run: ran, close: () => undefined }
    await writer.commit(ran)
    const saved = openFloatOutputs(join(folder, 'outputs'), OWN_KEY) as FloatOutputs
    const close = () => {
      saved.close()
      remove()
    }
    return { run: fromSaved(ran.evidence, saved), close }
  } catch (thrown) {
    await writer?.abort()
    remove()
    throw thrown
  }
}

/** Hashes of the model's file and of its data files. */
async function filesKey(path: string | undefined, { externalFiles }: Model): Promise<string> {
  const hashes: string[] = []
  for (const file of [...(path === undefined ? [] : [path]), ...externalFiles]) hashes.push(await sha256Of(file))
  return hashes.join(' ')
}

/** What a session would say of its interface. Never run. */
function sessionLike({ graph }: Model): RuntimeSession {
  const stored = new Set(graph.initializers.map(({ name }) => name))
  const inputs = graph.inputs.flatMap(({ name, dtype, shape }): SessionInput[] =>
    dtype === undefined || stored.has(name) ? [] : [{ name, dtype, shape: shape ?? [] }],
  )
  return {
    inputs,
    outputs: graph.outputs.map(({ name }) => name),
    run: () => Promise.reject(new Error('a model that was not opened cannot run')),
    release: async () => undefined,
  }
}
