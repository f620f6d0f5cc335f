import { mkdtempSync, rmSync } from 'node:fs'
import { freemem } from 'node:os'
import { dirname, join } from 'node:path'
import { TersorError } from '../errors.ts'
import { type ComparedOutput, type VerdictFacts, verdictOf } from '../evaluation/index.ts'
import type { LiftedModel } from '../graph/liftings/index.ts'
import type { Model } from '../model/graph.ts'
import type { Inventory } from '../model/inventory.ts'
import type { Report, Verdict } from '../model/report.ts'
import type { Runtime } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import { findRuntime } from '../runtime/find.node.ts'
import { type Difference, toFloat, writeModel } from './dequantize.ts'
import { type EvidenceOptions, evidenceFor } from './evidence.node.ts'
import { judgedCount } from './evidence.ts'
import { compareWith, runFloat } from './prove.ts'
import { NodeStage } from './stage.node.ts'

export interface ProofOptions extends EvidenceOptions {
  readonly minCosine?: number
  readonly maxMemory?: number
}

export interface ProofInput {
  /** Paths of the quantized model and of the staged float one. */
  readonly before: string
  readonly after: string
  readonly input: Model
  readonly lifted: LiftedModel
  readonly inventory: Inventory
  readonly byteLength: number
  readonly difference: Difference
}

export interface Proof {
  readonly verdict: Verdict
  readonly runtime?: Report['runtime']
  readonly notes: readonly string[]
}

/** Weights alone were in codes: the same products in another order. */
const MIN_COSINE = 0.999
/** Products in integers, or activations at the same levels: rounding may step to the next one. */
const MIN_COSINE_LEVELS = 0.99
/** Where the levels cannot be put back: the noise of 8-bit activations is in the figure. */
const MIN_COSINE_NOISE = 0.98

/**
 * The float model against the quantized one on the same inputs. The quantized model runs with optimizations off, where its
 * operators mean what they say: fused integer kernels saturate on some CPUs.
 *
 * Where activations were quantized, results differ by their noise, and on made-up inputs by their clipped ranges. Then a
 * control is judged instead: the same float graph with its activations put to their levels, the `reference` figures.
 */
export async function proveFloat(proof: ProofInput, options: ProofOptions, tools: Tools): Promise<Proof> {
  const notes: string[] = []
  const unrun = (notRun: string): Proof => ({
    verdict: verdictOf({ data: 'none', samples: 0, bits: 8, notRun }),
    notes,
  })
  const need = (proof.input.byteLength + proof.byteLength) * 2
  if (need > (options.maxMemory ?? freemem() * 0.8)) {
    return unrun('both models do not fit the memory that may be used; the decoded weights were not run')
  }
  const passed: string[] = []
  const runtime = await findRuntime({
    passedOver: (name, why) => passed.push(`${name} was passed over: ${why.message}`),
  })
  if (runtime === undefined) return unrun(['no onnxruntime was found on this machine', ...passed].join('; '))
  try {
    const verdict = await judged(runtime, proof, options, notes, tools)
    const facts = { name: runtime.name, version: runtime.version, threads: 1, cpu: runtime.cpu }
    return { verdict, runtime: facts, notes }
  } catch (thrown) {
    const given = options.eval !== undefined || options.calib !== undefined
    if (given || tools.signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
    return unrun(thrown.message)
  } finally {
    await runtime.close()
  }
}

async function judged(
  runtime: Runtime,
  { before, after, input, lifted, inventory, difference }: ProofInput,
  options: ProofOptions,
  notes: string[],
  tools: Tools,
): Promise<Verdict> {
  const signal = tools.signal ? { signal: tools.signal } : {}
  const quantized = await runtime.open({ path: before }, { optimized: false, threads: 1 })
  let run: Awaited<ReturnType<typeof runFloat>>
  try {
    const evidence = await evidenceFor(lifted.model, inventory, quantized, {
      ...options,
      modelPath: before,
      ...signal,
    })
    notes.push(...evidence.notes)
    run = await runFloat(quantized, evidence, tools)
  } finally {
    await quantized.release()
  }
  const declared = new Map(input.graph.outputs.flatMap(({ name, shape }) => (shape ? [[name, shape] as const] : [])))
  const facts = { data: run.evidence.data, samples: judgedCount(run.evidence), bits: 8, filled: run.evidence.filled }
  const measured = async (path: string, optimized: boolean, note: string): Promise<readonly ComparedOutput[]> => {
    const session = await runtime.open({ path }, { optimized, threads: 1 })
    try {
      return await compareWith(session, run, { declared }, note, tools)
    } finally {
      await session.release()
    }
  }
  let fused: readonly ComparedOutput[]
  try {
    fused = await measured(after, true, 'fused')
  } catch (thrown) {
    if (tools.signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
    const because = `onnxruntime does not run the result: ${thrown.message}`
    return { ...facts, status: 'refused', because, outputs: [], worst: [] }
  }
  const unfused = await measured(after, false, 'unfused')
  if (difference !== 'activations') {
    const usual = difference === 'kernels' ? MIN_COSINE_LEVELS : MIN_COSINE
    return judge({ ...facts, fused, unfused }, options.minCosine ?? usual)
  }
  const reference = await levelled(input, after, (path) => measured(path, false, 'reference'), notes, tools)
  if (reference === undefined) return judge({ ...facts, fused, unfused }, options.minCosine ?? MIN_COSINE_NOISE)
  const verdict = judge({ ...facts, fused: reference }, options.minCosine ?? MIN_COSINE_LEVELS)
  return {
    ...verdict,
    because: `${verdict.because}, with activations at their former levels`,
    outputs: fused,
    reference: { outputs: reference },
    unfused: { outputs: unfused },
    fused: { outputs: fused },
  }
}

function judge(facts: VerdictFacts, minCosine: number): Verdict {
  // Outputs of zeros have no cosine; the default rule knows what to do with them.
  const zeros = (facts.fused ?? []).every(({ zero }) => zero)
  return verdictOf(zeros ? facts : { ...facts, thresholds: { minCosine } })
}

/** Figures of the float graph with its activations at their levels; undefined when it cannot be built or run. */
async function levelled(
  input: Model,
  after: string,
  measure: (path: string) => Promise<readonly ComparedOutput[]>,
  notes: string[],
  tools: Tools,
): Promise<readonly ComparedOutput[] | undefined> {
  const { model } = await toFloat(input, { keepActivations: true })
  const folder = mkdtempSync(join(dirname(after), 'levels-'))
  try {
    const stage = new NodeStage(join(folder, 'model.onnx'), { force: true, inputs: [] })
    await writeModel(model, stage, { name: 'model.onnx' }, { ...tools, notify: () => undefined })
    const [path = ''] = await stage.publish()
    return await measure(path)
  } catch (thrown) {
    if (tools.signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
    notes.push(`activations could not be put to their former levels for the proof: ${thrown.message}`)
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
