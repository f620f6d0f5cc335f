import { TersorError } from '../errors.ts'
import type { Feeds, Runtime, RuntimeSession, SessionInput, SessionOptions, Value } from '../model/runtime.ts'
import { withoutPlaceholders } from './open-symbols.ts'
import { sessionConfig } from './session-config.ts'
import { dtypeOf, ortType } from './tensor-types.ts'

/** The parts of an onnxruntime module that are used; `onnxruntime-web` and `onnxruntime-node` both fit. */
export interface OrtModule {
  readonly env: { readonly versions?: unknown; logLevel?: unknown }
  readonly InferenceSession: { create(model: never, options?: never): Promise<unknown> }
  readonly Tensor: new (type: never, data: never, dims: readonly number[]) => unknown
}

interface OrtTensor {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: ArrayBufferView | readonly string[]
}

interface OrtValueInfo {
  readonly name: string
  readonly isTensor: boolean
  readonly type?: string
  readonly shape?: readonly (number | string)[]
}

interface OrtSession {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  readonly inputMetadata: readonly OrtValueInfo[]
  readonly outputMetadata: readonly OrtValueInfo[]
  run(
    feeds: Record<string, unknown>,
    fetches: readonly string[] | Record<string, unknown>,
    options: object,
  ): Promise<Record<string, OrtTensor>>
  release(): Promise<void>
}

/** A file of external data handed over with a model given as bytes; `path` as the model spells it. */
export interface ExternalFile {
  readonly path: string
  readonly data: Uint8Array
}

export type OrtModel =
  | { readonly path: string }
  | { readonly bytes: Uint8Array; readonly externalFiles?: readonly ExternalFile[] }

export interface OrtRuntime extends Runtime {
  open(model: OrtModel, options: SessionOptions): Promise<OrtRuntimeSession>
}

export interface OrtRuntimeSession extends RuntimeSession {
  /** `into`: where outputs are written, of exactly the shape that comes out (else E_RUNTIME); onnxruntime-node only. */
  run(feeds: Feeds, signal?: AbortSignal, into?: Feeds): Promise<Readonly<Record<string, Value>>>
}

export interface OrtRuntimeOptions {
  /** Default ['cpu'] for onnxruntime-node, ['wasm'] for onnxruntime-web. */
  readonly executionProviders?: readonly string[]
  /** Reported as they are. */
  readonly cpu?: readonly string[]
}

/** Only what ends the process is printed; everything else that goes wrong is thrown. Runs do not inherit it from their session.
 * Handed out as a copy: onnxruntime-web completes the object it gets. */
const QUIET = { logSeverityLevel: 4 } as const

/**
 * An executor over an onnxruntime module that the caller has imported. Runs where it is called: onnxruntime-node blocks the
 * thread while it works, so in Node use `startOrtWorker`, which puts this into a thread of its own. Runs are made one after
 * the other. A path is what the module takes for one (a file in Node, an address in a browser).
 */
export function ortRuntime(ort: OrtModule, name: Runtime['name'], options: OrtRuntimeOptions = {}): OrtRuntime {
  const executionProviders = options.executionProviders ?? [name === 'onnxruntime-node' ? 'cpu' : 'wasm']
  ort.env.logLevel = 'fatal'
  let tail: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = tail.then(work)
    tail = turn.catch(() => undefined)
    return turn
  }
  return {
    name,
    version: versionOf(ort),
    cpu: options.cpu ?? [],
    open: (model, session) =>
      inTurn(async () => {
        const settings = {
          executionProviders,
          graphOptimizationLevel: session.optimized ? 'all' : 'disabled',
          intraOpNumThreads: session.threads ?? 1,
          interOpNumThreads: 1,
          executionMode: 'sequential',
          ...QUIET,
          ...sessionConfig(session.config),
          ...externalData(model),
        }
        const opened = await attempt(name, 'load the model', () =>
          ort.InferenceSession.create(('path' in model ? model.path : model.bytes) as never, settings as never),
        )
        return sessionOf(ort, name, opened as OrtSession, inTurn)
      }),
    close: async () => undefined,
  }
}

function sessionOf(
  ort: OrtModule,
  name: Runtime['name'],
  session: OrtSession,
  inTurn: <T>(work: () => Promise<T>) => Promise<T>,
): OrtRuntimeSession {
  const inputs = withoutPlaceholders(session.inputMetadata.map(inputOf))
  // Sequences and maps have no carrier here, 4-bit elements one that ends the process in onnxruntime-node 1.30
  // ("v8::ArrayBuffer::New Allocation failed"): such a session runs, but these values are not fetched.
  const outputs = session.outputMetadata.filter(isCarried).map((output) => output.name)
  if (outputs.length === 0) {
    throw new TersorError(
      'E_UNSUPPORTED',
      'expected a model with a tensor of 8 bits or more among its outputs, found only others',
    )
  }
  return {
    inputs,
    outputs,
    run: (feeds, signal, into) =>
      inTurn(async () => {
        if (signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user')
        const tensors = toTensors(ort, feeds)
        const fetches = into === undefined ? outputs : fetchesOf(ort, outputs, into)
        const results = await attempt(name, 'run the model', () => session.run(tensors, fetches, { ...QUIET }))
        return toValues(results, outputs, into)
      }),
    release: () => inTurn(() => session.release()),
  }
}

function isCarried({ isTensor, type }: OrtValueInfo): boolean {
  return isTensor && type !== 'int4' && type !== 'uint4'
}

function inputOf(input: OrtValueInfo): SessionInput {
  if (!input.isTensor || input.type === undefined) {
    throw new TersorError(
      'E_UNSUPPORTED',
      `input "${input.name}" is a sequence, a map or optional; only tensors can be fed`,
      {
        where: input.name,
      },
    )
  }
  return {
    name: input.name,
    dtype: dtypeOf(input.type, `input "${input.name}"`),
    // Unknown dimensions: '' from onnxruntime-node, 2^32 - 1 from onnxruntime-web.
    shape: (input.shape ?? []).map((size) => (size === '' || size === -1 || size === 4294967295 ? null : size)),
  }
}

function fetchesOf(ort: OrtModule, outputs: readonly string[], into: Feeds): Record<string, unknown> {
  return Object.fromEntries(
    outputs.map((name) => [name, Object.hasOwn(into, name) ? toTensor(ort, name, into[name] as Value) : null]),
  )
}

function toTensors(ort: OrtModule, feeds: Feeds): Record<string, unknown> {
  const tensors: [string, unknown][] = Object.entries(feeds).map(([name, value]) => [name, toTensor(ort, name, value)])
  return Object.fromEntries(tensors)
}

function toTensor(ort: OrtModule, name: string, value: Value): unknown {
  const make = (type: string, data: unknown) => new ort.Tensor(type as never, data as never, value.shape)
  if (!(value.data instanceof Uint8Array)) return make('string', [...value.data])
  const { type, array, perElement } = ortType(value.dtype, `input "${name}"`)
  const width = array.BYTES_PER_ELEMENT
  const count = Math.ceil(value.shape.reduce((product, size) => product * size, 1) / perElement)
  if (value.data.byteLength !== count * width) {
    throw new TersorError(
      'E_INTERNAL',
      `input "${name}": ${value.dtype} [${value.shape.join(', ')}] needs ${count * width} bytes, found ${value.data.byteLength}`,
      { where: name },
    )
  }
  const aligned = value.data.byteOffset % width === 0 ? value.data : value.data.slice()
  return make(type, new array(aligned.buffer, aligned.byteOffset, count))
}

function toValues(
  results: Record<string, OrtTensor>,
  outputs: readonly string[],
  into: Feeds = {},
): Record<string, Value> {
  const values: [string, Value][] = outputs.map((name) => {
    // onnxruntime-node 1.30 hands over a copy of what it has written there.
    if (Object.hasOwn(into, name)) return [name, into[name] as Value]
    const tensor = results[name]
    if (tensor === undefined)
      throw new TersorError('E_RUNTIME', `the executor gave no output "${name}"`, { where: name })
    const data = ArrayBuffer.isView(tensor.data)
      ? new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)
      : [...tensor.data]
    return [name, { dtype: dtypeOf(tensor.type, `output "${name}"`), shape: [...tensor.dims], data }]
  })
  return Object.fromEntries(values)
}

function externalData(model: OrtModel): { externalData?: readonly ExternalFile[] } {
  if ('path' in model || model.externalFiles === undefined || model.externalFiles.length === 0) return {}
  return { externalData: model.externalFiles }
}

async function attempt<T>(name: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    const text = (thrown instanceof Error ? thrown.message : String(thrown)).trim()
    throw new TersorError('E_RUNTIME', `${name} could not ${what}: ${text.slice(0, 2000)}`, { cause: thrown })
  }
}

function versionOf(ort: OrtModule): string {
  const versions = ort.env.versions as Readonly<Record<string, string | undefined>> | undefined
  return versions?.node ?? versions?.web ?? versions?.common ?? 'unknown'
}
