import { existsSync } from 'node:fs'
import type { Model } from '../../model/graph.ts'
import type { Inventory } from '../../model/inventory.ts'
import type { Runtime, RuntimeSession, SessionInput } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { type EvidenceOptions, evidenceFor } from '../evidence.node.ts'
import { sha256Of } from '../file-facts.node.ts'
import { type FloatRun, hintsOf, runFloat } from '../prove.ts'
import { floatOutputsWriter, openFloatOutputs, samplesKey } from './float-outputs.node.ts'

export interface FloatRunAsk extends EvidenceOptions {
  /** A file of answers: read where it exists, so that the model is not even opened; else written. */
  readonly floatOutputs?: string
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
      const { results, batch } = saved
      const other = saved.runtime === named ? [] : [`float outputs of ${floatOutputs} come from ${saved.runtime}`]
      return {
        run: { evidence, results, ...(batch === undefined ? {} : { batch }) },
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
    if (floatOutputs === undefined) {
      return { run: await runFloat(session, evidence, tools, { hints }), notes: evidence.notes, close: () => undefined }
    }
    const key = { model: await filesKey(options.modelPath, file), samples: await samplesKey(evidence) }
    const writer = floatOutputsWriter(floatOutputs, key, named)
    try {
      const empty = {}
      const ran = await runFloat(session, evidence, tools, {
        hints,
        keep: async (answer) => {
          await writer.add(answer)
          return empty
        },
      })
      await writer.commit(ran.batch)
    } catch (thrown) {
      await writer.abort()
      throw thrown
    }
    const saved = openFloatOutputs(floatOutputs, key)!
    const { results, batch } = saved
    return {
      run: { evidence, results, ...(batch === undefined ? {} : { batch }) },
      notes: [...evidence.notes, `float outputs were saved to ${floatOutputs}`],
      close: saved.close,
    }
  } finally {
    await session.release()
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
