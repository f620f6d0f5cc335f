import { TersorError } from '../../errors.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { evidenceFor } from '../evidence.node.ts'
import type { FileOptions } from '../quantize-file.node.ts'
import type { Prepared } from '../run.ts'
import { vocabularyOf } from '../token-tables.ts'
import type { SearchEvidence } from './search-line.node.ts'

/** Samples that losses are measured on: fewer for large models, the same on every machine. */
function samplesFor(parameters: number): number {
  return Math.min(12, Math.max(2, Math.floor(3e8 / Math.max(1, parameters))))
}

/** Samples of --calib, else of --eval, else synthetic ones; a sentence where the model does not run. */
export async function evidenceOf(
  path: string,
  { inventory, input }: Prepared,
  runtime: Runtime,
  options: FileOptions,
  tools: Tools,
): Promise<SearchEvidence | string> {
  let session: Awaited<ReturnType<Runtime['open']>>
  try {
    session = await runtime.open({ path }, { optimized: true, threads: 1 })
  } catch (thrown) {
    if (thrown instanceof TersorError && thrown.code === 'E_RUNTIME') return thrown.message
    throw thrown
  }
  try {
    const { eval: judgedOn, calib, ...rest } = options
    const data = calib ?? judgedOn
    const evidence = await evidenceFor(input, inventory, session, {
      ...rest,
      ...(data === undefined ? {} : { calib: data }),
      samples: Math.min(options.samples ?? Number.POSITIVE_INFINITY, samplesFor(inventory.parameterCount)),
      apart: true,
      modelPath: path,
      ...(tools.signal ? { signal: tools.signal } : {}),
    })
    const vocabulary = vocabularyOf(inventory, input.graph)
    const declared = new Map(input.graph.outputs.flatMap(({ name, shape }) => (shape ? [[name, shape] as const] : [])))
    return { runtime, evidence, hints: { declared, ...(vocabulary === undefined ? {} : { vocabulary }) } }
  } finally {
    await session.release()
  }
}

/** What a reader should know about the losses. */
export function notesOf(judged: SearchEvidence | string): readonly string[] {
  if (typeof judged === 'string')
    return [`bytes were spent by the errors of the weights, not by what they do to the outputs: ${judged}`]
  return judged.evidence.data === 'synthetic'
    ? ['losses were measured on synthetic inputs: --calib DATA says what matters']
    : []
}
