/*
 * What the page does for variants: loads a file as transformers.js does, with the data files that config.json counts, and runs it.
 */

export interface VariantFile {
  readonly file: string
  /** Data files beside it. */
  readonly chunks: number
}

async function scoresOf({ file, chunks }: VariantFile, tokens: readonly number[]): Promise<number[]> {
  const address = '/ort/ort.wasm.bundle.min.mjs'
  const ort = await import(address)
  ort.env.wasm.wasmPaths = '/ort/'
  ort.env.wasm.numThreads = 1
  const bytesOf = async (path: string) => new Uint8Array(await (await fetch(`/${path}`)).arrayBuffer())
  const externalData: { path: string; data: Uint8Array }[] = []
  for (let i = 0; i < chunks; i += 1) {
    const name = `${file}_data${i === 0 ? '' : `_${i}`}`
    externalData.push({ path: name.replace('onnx/', ''), data: await bytesOf(name) })
  }
  const session = await ort.InferenceSession.create(await bytesOf(file), { externalData })
  const ids = new ort.Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length])
  const { logits } = await session.run({ ids })
  return Array.from(logits.data as Float32Array)
}

const page = { scoresOf }
export type VariantsPage = typeof page

declare global {
  var tersorVariants: VariantsPage
}
globalThis.tersorVariants = page
