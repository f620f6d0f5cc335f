import { TersorError } from '../../errors.ts'
import type { Sample } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { findObservingRuntime } from '../observe-threads.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { type StaticInputOptions, samplesFor } from '../static/static-inputs.node.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { activationAware } from './activation-aware.ts'

export interface AwqFileOptions extends StaticInputOptions {
  readonly maxMemory?: number
}

/** Activation-aware scaling on the data of `--calib`. E_RUNTIME without an onnxruntime, E_UNSUPPORTED for models at an address. */
export async function awqOn(
  prepared: Prepared,
  opened: OpenedModel,
  ask: Ask,
  solver: 'nearest' | 'search' | 'gptq',
  options: AwqFileOptions,
  tools: Tools,
): Promise<Prepared> {
  if (opened.path === undefined) {
    throw new TersorError('E_UNSUPPORTED', '--transform awq runs the model; download the file first', {
      where: '--transform',
    })
  }
  const threads = options.threads === undefined ? {} : { threads: options.threads }
  const runtime = await findObservingRuntime(opened.source.byteLength, threads)
  if (!runtime) {
    throw new TersorError('E_RUNTIME', '--transform awq runs the model, and no onnxruntime was found', {
      where: '--transform',
      hint: 'npm install onnxruntime-node',
    })
  }
  const sessions = new TapSessions(runtime, tools)
  try {
    const set = await samplesFor(prepared.model, prepared, opened, runtime, options)
    const samples: Sample[] = []
    for (let index = 0; index < set.count; index++) samples.push(await set.at(index))
    const limit = options.maxMemory === undefined ? {} : { mostBytes: Math.floor(options.maxMemory / 4) }
    return await activationAware(prepared, ask, samples, sessions, { solver, ...limit }, tools)
  } finally {
    await sessions.close()
    await runtime.close()
  }
}
