import { memorySource, ortRuntime, quantize, TersorError, urlSource } from '../../src/index.ts'

/*
 * What the page does for the tests, bundled with the browser entry. Addresses go in, plain data comes out.
 */

export interface QuantizeHere {
  /** Address of the model; data files lie beside it. */
  readonly model: string
  readonly to: string
  readonly name: string
  readonly as: 'bytes' | 'buffer' | 'file' | 'source' | 'url'
  readonly kernels?: 'wasm' | 'reference'
}

const fetched = async (address: string): Promise<Uint8Array<ArrayBuffer>> => {
  const response = await fetch(address)
  if (!response.ok) throw new Error(`${address}: ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function inputAs({ model, as }: QuantizeHere) {
  if (as === 'url') return urlSource(new URL(model, location.href).href)
  const bytes = await fetched(model)
  if (as === 'bytes') return bytes
  if (as === 'buffer') return bytes.buffer
  return as === 'file' ? new File([bytes], 'model.onnx') : memorySource(bytes, 'model.onnx')
}

async function hashesOf(ask: QuantizeHere): Promise<Record<string, string>> {
  const { files } = await quantize(await inputAs(ask), {
    to: ask.to,
    name: ask.name,
    openExternal: async (where) => memorySource(await fetched(new URL(where, new URL(ask.model, location.href)).href)),
    ...(ask.kernels ? { kernels: ask.kernels } : {}),
  })
  const hashes: [string, string][] = []
  for (const [name, bytes] of files) hashes.push([name, await sha256(bytes)])
  return Object.fromEntries(hashes)
}

/** Quantizes and judges with onnxruntime-web, as a page of a user would. */
async function proofOf(model: string, options: { readonly to: string; readonly minCosine?: number }) {
  const address = '/ort/ort.wasm.bundle.min.mjs'
  const ort = await import(address)
  ort.env.wasm.wasmPaths = '/ort/'
  ort.env.wasm.numThreads = 1
  const phases = new Set<string>()
  const { report, files } = await quantize(await fetched(model), {
    ...options,
    runtime: ortRuntime(ort, 'onnxruntime-web'),
    onEvent: ({ phase }) => phases.add(phase),
  })
  return {
    verdict: report.verdict,
    runtime: report.runtime,
    files: [...files].map(([name, bytes]) => [name, bytes.length] as const),
    phases: [...phases],
  }
}

async function failureOf(model: string, to: string): Promise<{ code: string; message: string; hint?: string }> {
  try {
    await quantize(await fetched(model), { to })
  } catch (thrown) {
    if (!(thrown instanceof TersorError)) throw thrown
    const { code, message, hint } = thrown
    return { code, message, ...(hint === undefined ? {} : { hint }) }
  }
  throw new Error('nothing was thrown')
}

const page = { hashesOf, proofOf, failureOf }
export type PageTests = typeof page

declare global {
  var tersorPage: PageTests
}
globalThis.tersorPage = page
