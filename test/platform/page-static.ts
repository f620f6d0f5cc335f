import { ortRuntime, quantize, readStatistics } from '../../src/index.ts'

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

async function runtime() {
  const address = '/ort/ort.wasm.bundle.min.mjs'
  const ort = await import(address)
  ort.env.wasm.wasmPaths = '/ort/'
  ort.env.wasm.numThreads = 1
  return ortRuntime(ort, 'onnxruntime-web')
}

/** Nothing is run: what the statistics of an earlier run make of the model. */
async function fromStatistics(model: string, statistics: string) {
  const { files, report } = await quantize(await fetched(model), {
    to: 'int8-static',
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
    runtime: await runtime(),
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

const page = { fromStatistics, collected }
export type StaticPage = typeof page

declare global {
  var staticPage: StaticPage
}
globalThis.staticPage = page
