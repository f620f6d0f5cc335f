import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { errorFacts, TersorError } from '../errors.ts'
import type { Feeds, RuntimeSession } from '../model/runtime.ts'
import { readWithExternalFiles } from './external-files.node.ts'
import { enter, leave } from './native-section.ts'
import { type OrtModule, type OrtRuntime, ortRuntime } from './ort.ts'
import type { Answer, Greeting, Request, Start } from './protocol.ts'

const { which, module, native } = workerData as Start
const sessions = new Map<number, RuntimeSession>()
let opened = 0

/** What a thread does besides opening and running models; gives what is sent back, and what of it moves. */
export type Work = (
  given: unknown,
  open: OrtRuntime['open'],
) => Promise<{ readonly made: unknown; readonly moved?: readonly ArrayBuffer[] }>

/** Everything that may be in native code when the caller wants this thread to end. */
async function inside<T>(work: () => Promise<T>): Promise<T> {
  // WebAssembly can be ended at any time.
  if (which === 'onnxruntime-web') return work()
  if (!enter(native)) throw new TersorError('E_ABORTED', 'the executor was closed')
  try {
    return await work()
  } finally {
    leave(native)
  }
}

async function start(): Promise<OrtRuntime> {
  // Importing what is no module would search all of it for names first.
  const imported = ((which === 'onnxruntime-node' ? required() : undefined) ?? (await import(module))) as OrtModule & {
    default?: OrtModule
  }
  const ort = imported.InferenceSession === undefined ? (imported.default as OrtModule) : imported
  if (which === 'onnxruntime-web') {
    const { wasm } = ort.env as { wasm?: { numThreads?: number; proxy?: boolean } }
    // More threads would be workers of this worker; sessions side by side are threads enough.
    if (wasm !== undefined) Object.assign(wasm, { numThreads: 1, proxy: false })
  }
  return ortRuntime(ort, which)
}

function required(): unknown {
  try {
    return createRequire(module)(fileURLToPath(module))
  } catch (thrown) {
    if ((thrown as { readonly code?: unknown }).code === 'ERR_REQUIRE_ESM') return undefined
    throw thrown
  }
}

/** A runtime that opens what lies in a file also where files are read for it. */
function opener(runtime: OrtRuntime): OrtRuntime['open'] {
  return async (model, options) => {
    const inMemory = which === 'onnxruntime-web' && 'path' in model
    return runtime.open(inMemory ? await readWithExternalFiles(model.path) : model, options)
  }
}

async function answer(runtime: OrtRuntime, request: Request, work: Work | undefined): Promise<[Answer, ArrayBuffer[]]> {
  const { id } = request
  if (request.ask === 'open') {
    const session = await opener(runtime)(request.model, request.options)
    opened += 1
    sessions.set(opened, session)
    return [{ id, gives: 'session', session: opened, inputs: session.inputs, outputs: session.outputs }, []]
  }
  if (request.ask === 'work') {
    if (work === undefined) throw new Error('this thread has no work of its own')
    const { made, moved = [] } = await work(request.given, opener(runtime))
    return [{ id, gives: 'work', made }, [...moved]]
  }
  const session = sessions.get(request.session)
  if (session === undefined) throw new Error(`session ${request.session} is not open`)
  if (request.ask === 'run') {
    const values = await session.run(request.feeds)
    return [{ id, gives: 'values', values }, movable(values)]
  }
  sessions.delete(request.session)
  await session.release()
  return [{ id, gives: 'nothing' }, []]
}

/** Buffers that can move instead of being copied: those that hold just one value. */
function movable(values: Feeds): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  for (const { data } of Object.values(values)) {
    if (
      data instanceof Uint8Array &&
      data.buffer instanceof ArrayBuffer &&
      data.byteLength === data.buffer.byteLength
    ) {
      buffers.add(data.buffer)
    }
  }
  return [...buffers]
}

/** What a thread that runs models does; see worker.node.ts for the other side. */
export function serve(work?: Work): void {
  const port = parentPort
  if (port === null) throw new Error('an executor serves in a worker thread only')
  const starting = inside(start)
  starting.then(
    (runtime) => port.postMessage({ ready: true, version: runtime.version } satisfies Greeting),
    (thrown) => port.postMessage({ ready: false, failure: errorFacts(thrown) } satisfies Greeting),
  )
  let tail: Promise<unknown> = starting
  port.on('message', (request: Request) => {
    tail = tail
      .then(async () => {
        const runtime = await starting
        return inside(() => answer(runtime, request, work))
      })
      .then(
        ([made, moved]) => port.postMessage(made, moved),
        (thrown) =>
          port.postMessage({ id: request.id, gives: 'failure', failure: errorFacts(thrown) } satisfies Answer),
      )
  })
}
