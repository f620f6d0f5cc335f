/**
 * Places, inserts and runs static int8 on one model, with ranges from its own float run: a try of src/graph/placement and
 * src/graph/lowerings/quantize-linear.ts end to end, without the pipeline.
 *
 *     node bench/acceptance/static-try.mjs MODEL [SAMPLES] [--out FILE] [--samples 16] [--weights auto|rescaled|s8|u8|7bit]
 *          [--sums integer|float] [--loose conv-integer|qdq] [--keep LABEL,LABEL]
 *          [--forms wide|loose|dynamic|LABEL=FORM,LABEL=FORM] [--qoperator] [--calibrate N] [--scale extreme|error]
 *
 * SAMPLES is an npy file of [count, ...input shape without batch], or npz with [count, ...input shape] for every input; without it samples are smooth noise. The first
 * N (default half) give the ranges, the others the figures.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { unzipSync } from 'fflate'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    samples: { type: 'string', default: '16' },
    weights: { type: 'string', default: 'auto' },
    sums: { type: 'string', default: 'integer' },
    loose: { type: 'string', default: 'conv-integer' },
    keep: { type: 'string', default: '' },
    forms: { type: 'string', default: '' },
    qoperator: { type: 'boolean', default: false },
    scale: { type: 'string', default: 'extreme' },
    calibrate: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const [path, samplesPath] = positionals
if (!path) throw new Error('which model? node bench/acceptance/static-try.mjs MODEL [SAMPLES.npy]')

const folder = mkdtempSync(join(tmpdir(), 'tersor-static-try-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const bundled = join(folder, 'parts.mjs')
await build({
  stdin: {
    contents: `
      export { memorySource } from './src/bytes/memory.ts'
      export { read, readTensor } from './src/formats/onnx/index.ts'
      export { applyEdits, removeDead, opsetOf } from './src/graph/index.ts'
      export { foldBatchNorms } from './src/graph/rewrites/batch-norm.ts'
      export { raiseOpset } from './src/graph/rewrites/raise-opset/index.ts'
      export * from './src/graph/placement/index.ts'
      export { insertPairs } from './src/graph/lowerings/quantize-linear.ts'
      export { toQOperators } from './src/graph/lowerings/qoperator.ts'
      export { leastScalesOf } from './src/graph/lowerings/quantized-bias.ts'
      export { createKernelsSync } from './src/kernels/index.ts'
      export { ortNodeCpu } from './src/targets/ort-node-cpu.ts'
      export { encodeModel } from './test/fixtures/build.ts'`,
    resolveDir: root,
    loader: 'ts',
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  outfile: bundled,
  logLevel: 'error',
})
const parts = await import(pathToFileURL(bundled))
const kernels = parts.createKernelsSync()
const ort = createRequire(import.meta.url)('onnxruntime-node')
const load = (bytes, extra = {}) =>
  ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4, ...extra })

const readModel = async (bytes) => parts.read(parts.memorySource(new Uint8Array(bytes), basename(path)))
const readSmall = (ref) => parts.readTensor(ref)
const floatsOf = async (ref) => {
  const bytes = Uint8Array.from(await parts.readTensor(ref))
  return new Float32Array(bytes.buffer, 0, bytes.byteLength / 4)
}

let model = await readModel(readFileSync(path))
const prepare = await rewrites()
if (prepare) {
  const prepared = await prepare(model, readSmall)
  model = await readModel(await parts.encodeModel(prepared.model ?? prepared))
}
if ((parts.opsetOf(model) ?? 0) < 13) {
  const raised = await parts.raiseOpset(model, 13, readSmall)
  if (!raised.model) throw new Error(raised.text)
  model = await readModel(await parts.encodeModel(raised.model))
}

const floatBytes = await parts.encodeModel(model)
const float = await load(floatBytes)
const feeds = samplesFor(float)
const half = Math.min(feeds.length - 1, Number(options.calibrate ?? Math.ceil(feeds.length / 2)))

// Shapes and extremes of every float value, by running the model with all of them as outputs.
const names = model.graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== ''))
const given = new Set(model.graph.outputs.map(({ name }) => name))
const tapped = {
  ...model,
  graph: {
    ...model.graph,
    outputs: [...model.graph.outputs, ...names.filter((name) => !given.has(name)).map((name) => ({ name }))],
  },
}
const taps = await load(await parts.encodeModel(tapped), { graphOptimizationLevel: 'disabled' })
const shapes = new Map()
const extremes = new Map()
const see = (name, tensor) => {
  shapes.set(name, tensor.dims)
  if (tensor.type !== 'float32') return
  const seen = extremes.get(name) ?? { min: 0, max: 0 }
  for (const value of tensor.data) {
    if (value < seen.min) seen.min = value
    else if (value > seen.max) seen.max = value
  }
  extremes.set(name, seen)
}
for (const feed of feeds.slice(0, half)) {
  for (const [name, tensor] of Object.entries(feed)) see(name, tensor)
  for (const [name, tensor] of Object.entries(await taps.run(feed))) see(name, tensor)
}
await taps.release()

const asked = {
  readSmall,
  shapes,
  sums: options.sums,
  loose: options.loose,
  keep: new Set(options.keep.split(',').filter(Boolean)),
}
const askedForms = options.forms.split(',').filter(Boolean)
const forms = new Map(
  askedForms
    .filter((one) => one.includes('='))
    .map((one) => [one.slice(0, one.lastIndexOf('=')), one.split('=').at(-1)]),
)
if (askedForms.length === 1 && forms.size === 0) {
  const { products } = await parts.placeActivations(model, parts.ortNodeCpu, asked)
  for (const { label, form } of products) if (form !== 'stored') forms.set(label, askedForms[0])
}
const placement = await parts.placeActivations(model, parts.ortNodeCpu, { ...asked, forms })

const ranges = new Map()
for (const { value, group } of placement.points) {
  const seen = extremes.get(value)
  if (!seen) throw new Error(`no range for ${value}`)
  const range = ranges.get(group) ?? { min: 0, max: 0 }
  ranges.set(group, { min: Math.min(range.min, seen.min), max: Math.max(range.max, seen.max) })
}
const grids = new Map()
const groupOf = new Map()
for (const { value, group, bounds, precision } of placement.points) {
  groupOf.set(value, group)
  const { min, max } = ranges.get(group)
  const grid = precision === 'wide' ? parts.wideGridOf(min, max, bounds) : parts.gridOf(min, max, 'u8', bounds)
  grids.set(group, grid)
}

const constants = new Map(model.graph.initializers.map((ref) => [ref.name, ref]))
for (const node of model.graph.nodes) {
  const tensor = node.op === 'Constant' ? node.attributes.find((one) => one.name === 'value')?.value : undefined
  if (tensor) constants.set(node.outputs[0], { ...tensor, name: node.outputs[0] })
}
const weights = new Map()
const biases = new Map()
const stored = {}
for (const { bias } of placement.products) if (bias) biases.set(bias, await floatsOf(constants.get(bias)))
const floors = parts.leastScalesOf(placement, grids, biases)
for (const product of placement.products) {
  const { weight } = product
  // What is computed in float is for the plan to store.
  if (!weight || product.form === 'stored' || weights.has(weight.name)) continue
  const values = await floatsOf(constants.get(weight.name))
  let least = floors.get(weight.name)
  if (options.weights === 'rescaled') {
    const pairs = parts.safePairScales(product, values)
    least = pairs && least ? least.map((one, i) => Math.max(one, pairs[i])) : (pairs ?? least)
  }
  const made = parts.staticWeight(kernels, weight.name, values, weight.shape, weight.axis, {
    least,
    scale: options.scale,
  })
  const kind =
    options.weights === 'auto' || options.weights === 'rescaled'
      ? parts.safeWeightFor(readersOf(weight), made).form
      : options.weights
  stored[kind] = (stored[kind] ?? 0) + 1
  const again = { least, scale: options.scale, unsigned: kind === 'u8', most: kind === '7bit' ? 63 : 127 }
  weights.set(
    weight.name,
    kind === 's8' ? made : parts.staticWeight(kernels, weight.name, values, weight.shape, weight.axis, again),
  )
}

const edits = parts.insertPairs(model, placement, { grids, weights, biases })
const lowered = parts.removeDead(parts.applyEdits(model, edits))
const bytes = await parts.encodeModel(lowered)
if (options.out) writeFileSync(options.out, bytes)

const optimizedPath = join(folder, 'optimized.onnx')
const fused = await load(bytes, { optimizedModelFilePath: optimizedPath })
const unfused = await load(bytes, { graphOptimizationLevel: 'disabled' })

const { integer, total, doubled } = placement.multiplyAdds ?? {}
console.log(
  `${basename(path)}: ${(bytes.length / 1e6).toFixed(3)} MB, ${placement.points.length} pairs, ${new Set(groupOf.values()).size} grids`,
)
console.log(
  `placed: ${((100 * integer) / total).toFixed(2)} % of ${(total / 1e6).toFixed(1)} M multiply-adds as integers, ${(doubled / 1e6).toFixed(1)} M more for wide ones; products ${JSON.stringify(countBy(placement.products, (one) => one.form))}; weights ${JSON.stringify(stored)}`,
)
console.log(`float: ${JSON.stringify(Object.fromEntries(placement.floatCounts))}`)
if (options.verbose)
  for (const one of placement.float) console.log(`  ${one.code}: ${one.node.op} ${one.label}: ${one.text}`)
const optimized = await readModel(readFileSync(optimizedPath))
const operators = countBy(optimized.graph.nodes, (node) => node.op)
const left = new Map(placement.products.map((one) => [one.label, one]))
const floatProducts = optimized.graph.nodes.filter((node) =>
  /^(Conv|Gemm|MatMul|FusedConv|FusedGemm|FusedMatMul)$/.test(node.op),
)
const floatShare = floatProducts.reduce((sum, node) => sum + (left.get(node.name)?.multiplyAdds ?? 0), 0)
const integers = floatProducts.length === 0 ? 100 : 100 - (100 * floatShare) / total
console.log(`saved graph: ${JSON.stringify(operators)}`)
console.log(
  `saved graph: ${floatProducts.length} float products, ${integers.toFixed(2)} % of multiply-adds in integer kernels`,
)
console.log(`as float:  ${(await time(float)).toFixed(2)} ms; fused ${(await time(fused)).toFixed(2)} ms`)

const runs = { fused, unfused }
if (options.qoperator) {
  const { model: turned, left: pairs } = await parts.toQOperators(lowered, readSmall)
  const turnedBytes = await parts.encodeModel(turned)
  runs.qoperator = await load(turnedBytes)
  const counts = JSON.stringify(countBy(turned.graph.nodes, (node) => node.op))
  console.log(`qoperator: ${(turnedBytes.length / 1e6).toFixed(3)} MB, ${counts}`)
  for (const { label, op, why } of pairs) console.log(`  pairs: ${op} ${label}: ${why}`)
  let [equal, all] = [0, 0]
  for (const feed of feeds.slice(half)) {
    const [a, b] = [await fused.run(feed), await runs.qoperator.run(feed)]
    for (const name of float.outputNames) {
      for (const [i, one] of a[name].data.entries()) equal += Number(one === b[name].data[i])
      all += a[name].data.length
    }
  }
  console.log(
    `qoperator: ${equal} of ${all} results equal those of fused pairs; ${(await time(runs.qoperator)).toFixed(2)} ms`,
  )
}
for (const [label, session] of Object.entries(runs)) {
  let [dot, a2, b2, agree, noise] = [0, 0, 0, 0, 0]
  for (const feed of feeds.slice(half)) {
    const wanted = await float.run(feed)
    const found = await session.run(feed)
    for (const [index, name] of float.outputNames.entries()) {
      const [x, y] = [wanted[name].data, found[name].data]
      if (wanted[name].type !== 'float32') continue
      for (let i = 0; i < x.length; i++) {
        dot += x[i] * y[i]
        a2 += x[i] * x[i]
        b2 += y[i] * y[i]
        noise += (x[i] - y[i]) ** 2
      }
      if (index === 0 && argmax(x) === argmax(y)) agree++
    }
  }
  console.log(
    `${label}: cosine ${(dot / Math.sqrt(a2 * b2)).toFixed(5)}, ${(10 * Math.log10(a2 / noise)).toFixed(2)} dB, top-1 agreement ${((100 * agree) / (feeds.length - half)).toFixed(1)} % of ${feeds.length - half}`,
  )
}

async function rewrites() {
  const at = join(folder, 'rewrites.mjs')
  try {
    await build({
      stdin: { contents: `export * from './src/graph/rewrites/prepare-static.ts'`, resolveDir: root, loader: 'ts' },
      bundle: true,
      format: 'esm',
      platform: 'node',
      outfile: at,
      logLevel: 'silent',
    })
    return (await import(pathToFileURL(at))).prepareForStatic
  } catch {
    return parts.foldBatchNorms
  }
}

function readersOf(weight) {
  return placement.products.filter((one) => one.weight?.name === weight.name)
}

function samplesFor(session) {
  if (samplesPath?.endsWith('.npz')) {
    const files = unzipSync(readFileSync(samplesPath))
    const arrays = Object.entries(files).map(([name, file]) => [name.replace('.npy', ''), readNpy(Buffer.from(file))])
    const total = arrays[0][1].shape[0]
    const count = Math.min(total, Number(options.samples))
    return Array.from({ length: count }, (_, i) => {
      const k = Math.floor((i * total) / count)
      const of = ({ shape, data }) => {
        const one = data.length / total
        const type = data instanceof BigInt64Array ? 'int64' : 'float32'
        return new ort.Tensor(type, data.slice(k * one, (k + 1) * one), shape.slice(1))
      }
      return Object.fromEntries(arrays.map(([name, array]) => [name, of(array)]))
    })
  }
  const meta = session.inputMetadata[0]
  if (samplesPath) {
    const { shape, data } = readNpy(readFileSync(samplesPath))
    const count = Math.min(shape[0], Number(options.samples))
    const one = data.length / shape[0]
    return Array.from({ length: count }, (_, i) => {
      const k = Math.floor((i * shape[0]) / count)
      return { [meta.name]: new ort.Tensor('float32', data.slice(k * one, (k + 1) * one), [1, ...shape.slice(1)]) }
    })
  }
  let seed = 7
  const uniform = () => {
    seed = (seed * 48271) % 2147483647
    return seed / 2147483647
  }
  return Array.from({ length: Number(options.samples) }, () =>
    Object.fromEntries(
      session.inputMetadata.map(({ name, shape, type }) => {
        const dims = shape.map((size, axis) => (typeof size === 'number' && size > 0 ? size : axis === 0 ? 1 : 64))
        const length = dims.reduce((a, b) => a * b, 1)
        let at = 0
        const walk = Float32Array.from({ length }, () => {
          at = 0.95 * at + 0.6 * (uniform() - 0.5)
          return 2 * at
        })
        return [
          name,
          type === 'int64'
            ? new ort.Tensor(
                'int64',
                BigInt64Array.from({ length }, () => 1n),
                dims,
              )
            : new ort.Tensor('float32', walk, dims),
        ]
      }),
    ),
  )
}

function readNpy(file) {
  const length = file[6] === 1 ? file.readUInt16LE(8) : file.readUInt32LE(8)
  const start = file[6] === 1 ? 10 : 12
  const header = file.toString('latin1', start, start + length)
  const shape = /'shape': \(([^)]*)\)/
    .exec(header)[1]
    .split(',')
    .filter((one) => one.trim())
    .map(Number)
  const body = file.subarray(start + length)
  const bytes = body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength)
  return { shape, data: header.includes('<i8') ? new BigInt64Array(bytes) : new Float32Array(bytes) }
}

async function time(session) {
  for (let i = 0; i < 3; i++) await session.run(feeds[0])
  const times = []
  for (let i = 0; i < 9; i++) {
    const start = performance.now()
    await session.run(feeds[0])
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[4]
}

function argmax(values) {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}

function countBy(list, key) {
  const counts = {}
  for (const one of list) counts[key(one)] = (counts[key(one)] ?? 0) + 1
  return counts
}
