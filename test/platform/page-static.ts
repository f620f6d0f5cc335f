import { ortRuntime, quantize, readStatistics, record } from '../../src/index.ts'

/*
 * What a page does with static integers, bundled with the browser entry. Addresses go in, plain data comes out.
 */

const fetched = async (address: string): Promise<Uint8Array<ArrayBuffer>> => {
  const response = await fetch(address)
  if (!response.ok) throw new Error(`${address}: ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function onnxruntime() {
  const address = '/ort/ort.wasm.bundle.min.mjs'
  const ort = await import(address)
  ort.env.wasm.wasmPaths = '/ort/'
  ort.env.wasm.numThreads = 1
  return ort
}

/** Nothing is run: what the statistics of an earlier run make of the model. */
async function fromStatistics(
  model: string,
  statistics: string,
  options: { readonly transform?: string; readonly to?: string; readonly solver?: 'gptq' } = {},
) {
  const { files, report } = await quantize(await fetched(model), {
    to: 'int8-static',
    ...options,
    statistics: new File([await fetched(statistics)], 'model.statistics'),
  })
  const [bytes] = files.values()
  return { sha256: await sha256(bytes!), statistics: report.statistics?.sha256, warnings: report.warnings }
}

/** Ranges found and the result judged by the onnxruntime of this page. */
async function collected(model: string, data: readonly string[], preprocess?: string) {
  const calib: File[] = []
  for (const name of data) calib.push(new File([await fetched(name)], name.slice(1)))
  const { report, statistics, files } = await quantize(await fetched(model), {
    to: 'int8-static',
    calib,
    runtime: ortRuntime(await onnxruntime(), 'onnxruntime-web'),
    ...(preprocess === undefined ? {} : { preprocess }),
  })
  const { labels, values, digests } = await readStatistics(new Blob([statistics as Uint8Array<ArrayBuffer>]))
  return {
    verdict: report.verdict,
    warnings: report.warnings,
    bytes: [...files.values()][0]?.length ?? 0,
    labels,
    digests,
    ranges: [...values].map(([name, { min, max }]) => [name, min, max] as const),
  }
}

/** What a session of onnxruntime-web is fed while it works, as calibration data. */
async function recorded(model: string, runs: number) {
  const ort = await onnxruntime()
  const { session, ...recording } = record(await ort.InferenceSession.create(await fetched(model)), { samples: 64 })
  const [name] = session.inputNames
  const [{ shape }] = session.inputMetadata
  const dims = shape.map((size: unknown) => (typeof size === 'number' && size < 2 ** 31 ? size : 1))
  const length = dims.reduce((a: number, b: number) => a * b, 1)
  let outputs = 0
  for (let run = 0; run < runs; run++) {
    const data = Float32Array.from({ length }, (_, i) => ((i * (run + 3)) % 17) / 16)
    const results = await session.run({ [name]: new ort.Tensor('float32', data, dims) })
    outputs += results[session.outputNames[0]].data.length
  }
  await session.release()
  const { report } = await quantize(await fetched(model), {
    to: 'int8-static',
    calib: [new File([recording.npz() as Uint8Array<ArrayBuffer>], 'recorded.npz')],
    runtime: ortRuntime(ort, 'onnxruntime-web'),
    noVerify: true,
  })
  return { outputs, because: report.decisions.map(({ because }) => because.text) }
}

const page = { fromStatistics, collected, recorded }
export type StaticPage = typeof page

declare global {
  var staticPage: StaticPage
}
globalThis.staticPage = page
