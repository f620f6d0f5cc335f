/**
 * Multiply-adds of a model as onnxruntime runs it: its own optimised graph, saved and profiled, bodies of If, Loop and Scan included.
 *
 *     node bench/acceptance/integer-share.mjs FILE... [--data NPZ] [--runs 4] [--set NAME=VALUE] [--shape NAME=1x288] [--json]
 *
 * Prints the share of integer kernels by operator, per run. What is counted ran; products of branches that nothing reached are named: reach them
 * with other values (`--set sr=8000 --shape input=1x288`). Without data open dimensions are 1. Recurrent operators and ConvTranspose stand
 * apart. Exit code 1 below --least (95 for 95 %).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { unzipSync } from 'fflate'
import { table } from '../table.mjs'

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    runs: { type: 'string', default: '4' },
    set: { type: 'string', multiple: true, default: [] },
    shape: { type: 'string', multiple: true, default: [] },
    least: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
})
if (files.length === 0) throw new Error('which file? node bench/acceptance/integer-share.mjs FILE')

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tersor-integer-share-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
await build({
  stdin: {
    contents: `
      export { memorySource } from './src/bytes/memory.ts'
      export { read } from './src/formats/onnx/index.ts'
      export { scopesOf } from './src/graph/walk.ts'`,
    resolveDir: root,
    loader: 'ts',
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  outfile: join(folder, 'parts.mjs'),
  logLevel: 'error',
})
const { memorySource, read, scopesOf } = await import(pathToFileURL(join(folder, 'parts.mjs')))
const ort = createRequire(import.meta.url)('onnxruntime-node')

/** Operators by what computes them. Convolutions have their kernel at this input. */
const CONVOLUTIONS = { Conv: 1, FusedConv: 1, NhwcFusedConv: 1, ConvInteger: 1, QLinearConv: 3 }
const MATRICES = new Set(
  ['Gemm', 'FusedGemm', 'MatMul', 'FusedMatMul', 'FusedMatMulActivation', 'TransposeMatMul', 'MatMulNBits'].concat([
    'MatMulInteger',
    'MatMulIntegerToFloat',
    'DynamicQuantizeMatMul',
    'QLinearMatMul',
    'QGemm',
  ]),
)
const INTEGER = new Set(['ConvInteger', 'QLinearConv', ...[...MATRICES].filter((op) => /Integer|Quantize|^Q/.test(op))])
const RECURRENT = new Set(['LSTM', 'GRU', 'RNN', 'DynamicQuantizeLSTM'])
const APART = new Set([
  'ConvTranspose',
  'QLinearConvTranspose',
  'Attention',
  'QAttention',
  'MultiHeadAttention',
  'Einsum',
])

const count = (shape) => shape.reduce((product, size) => product * size, 1)
const results = []
for (const file of files) results.push(await shareOf(file))
if (options.json) console.log(JSON.stringify(results, null, 2))
else for (const one of results) print(one)
if (results.some(({ share }) => share !== null && 100 * share < Number(options.least))) process.exitCode = 1

async function shareOf(file) {
  const saved = join(folder, 'saved.onnx')
  const session = await ort.InferenceSession.create(file, {
    optimizedModelFilePath: saved,
    enableProfiling: true,
    profileFilePrefix: join(folder, 'profile'),
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  })
  const feeds = feedsOf(session)
  for (const one of feeds) await session.run(one)
  session.endProfiling()
  await session.release()
  const profile = join(
    folder,
    readdirSync(folder).find((name) => name.startsWith('profile')),
  )
  const events = JSON.parse(readFileSync(profile, 'utf8')).filter(
    ({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'),
  )
  const nodes = await nodesOf(saved)
  rmSync(profile)
  rmSync(saved)

  const byOp = new Map()
  const seen = new Set()
  for (const { name, args } of events) {
    const op = args.op_name
    const isProduct = op in CONVOLUTIONS || MATRICES.has(op)
    if (!isProduct && !RECURRENT.has(op) && !APART.has(op)) continue
    const label = name.slice(0, -'_kernel_time'.length)
    seen.add(label)
    const adds = isProduct ? multiplyAdds(op, args, nodes.get(label)) : 0
    const known = byOp.get(op) ?? { op, nodes: new Set(), runs: 0, multiplyAdds: 0, unknown: 0 }
    known.nodes.add(label)
    known.runs += 1
    if (adds === null) known.unknown += 1
    else known.multiplyAdds += adds / feeds.length
    byOp.set(op, known)
  }
  const rows = [...byOp.values()].map((one) => ({ ...one, nodes: one.nodes.size, runs: one.runs / feeds.length }))
  const products = rows.filter(({ op }) => op in CONVOLUTIONS || MATRICES.has(op))
  const total = products.reduce((sum, one) => sum + one.multiplyAdds, 0)
  const integer = products.filter(({ op }) => INTEGER.has(op)).reduce((sum, one) => sum + one.multiplyAdds, 0)
  const idle = [...nodes].filter(([label, { op }]) => (op in CONVOLUTIONS || MATRICES.has(op)) && !seen.has(label))
  return {
    file: basename(file),
    runs: feeds.length,
    integer,
    total,
    share: total === 0 ? null : integer / total,
    operators: rows.sort((a, b) => b.multiplyAdds - a.multiplyAdds),
    neverRan: idle.map(([label, { op }]) => `${op} ${label}`),
  }
}

/** Nodes of the saved graph and its bodies by name, with the shapes of their constants. */
async function nodesOf(path) {
  const model = await read(memorySource(new Uint8Array(readFileSync(path)), 'saved.onnx'))
  const nodes = new Map()
  for (const scope of scopesOf(model)) {
    const shapes = new Map()
    for (let at = scope; at !== null; at = at.parent) {
      for (const { name, shape } of at.graph?.initializers ?? []) if (!shapes.has(name)) shapes.set(name, shape)
    }
    for (const node of scope.nodes) {
      const attribute = (name) => node.attributes.find((one) => one.name === name)?.value
      nodes.set(node.name, { op: node.op, attribute, shapeOf: (input) => shapes.get(node.inputs[input] ?? '') })
    }
  }
  return nodes
}

/** Of one run of a kernel; null where the profile does not say the shapes. The profile leaves out constants that were packed. */
function multiplyAdds(op, { input_type_shape: inputs, output_type_shape: outputs }, node) {
  const [read, made] = [inputs, outputs].map((all) => all.map((one) => Object.values(one)[0]))
  if (op in CONVOLUTIONS) {
    const kernel = node?.shapeOf(CONVOLUTIONS[op]) ?? (op === 'QLinearConv' ? undefined : read[1])
    return kernel?.length >= 3 ? count(made[0]) * count(kernel.slice(1)) : null
  }
  const left = read[0]
  if (left === undefined || left.length === 0) return null
  const turned = Boolean(Number(node?.attribute('transA') ?? 0))
  return count(made[0]) * (turned ? left.at(-2) : left.at(-1))
}

function feedsOf(session) {
  const given = options.data === undefined ? {} : arraysOf(options.data)
  const shapes = new Map(options.shape.map((one) => [one.split('=')[0], one.split('=')[1].split('x').map(Number)]))
  const set = new Map(options.set.map((one) => [one.split('=')[0], one.split('=')[1].split(',')]))
  const lists = session.inputMetadata.map(({ name, type, shape }) => {
    const dims = shapes.get(name) ?? shape.map((one) => (typeof one === 'number' && one > 0 ? one : 1))
    if (set.has(name)) return set.get(name).map((one) => [name, filled(type, dims, one)])
    if (given[name] && !shapes.has(name)) return given[name](type, shape.length).map((one) => [name, one])
    return [[name, filled(type, dims)]]
  })
  const most = Math.max(...lists.map((list) => list.length))
  return Array.from({ length: most }, (_, at) => Object.fromEntries(lists.map((list) => list[at % list.length])))
}

function filled(type, dims, value) {
  const size = count(dims)
  if (type === 'int64') return new ort.Tensor(type, new BigInt64Array(size).fill(BigInt(value ?? 0)), dims)
  if (type === 'int32') return new ort.Tensor(type, new Int32Array(size).fill(Number(value ?? 0)), dims)
  if (type === 'bool') return new ort.Tensor(type, new Uint8Array(size).fill(Number(value ?? 1)), dims)
  const noise = Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898) * Math.cos(i * 0.37))
  return new ort.Tensor('float32', value === undefined ? noise : noise.fill(Number(value)), dims)
}

/** Arrays of an npz; a first axis more than the input has counts samples. */
function arraysOf(path) {
  const arrays = {}
  for (const [name, bytes] of Object.entries(unzipSync(new Uint8Array(readFileSync(path))))) {
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const start = bytes[6] >= 2 ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true)
    const head = new TextDecoder('latin1').decode(bytes.subarray(0, start))
    const descr = /'descr': '[<|]?([a-z]\d)'/.exec(head)?.[1]
    const shape = /'shape': \(([^)]*)\)/
      .exec(head)[1]
      .split(',')
      .filter((one) => one.trim() !== '')
      .map(Number)
    const data = bytes.slice(start).buffer
    const typed = { f4: Float32Array, i8: BigInt64Array, i4: Int32Array, b1: Uint8Array, u1: Uint8Array }[descr]
    if (typed === undefined) continue
    arrays[name.replace(/\.npy$/, '')] = (type, rank) => {
      const values = new typed(data)
      if (shape.length === rank) return [new ort.Tensor(type, values, shape)]
      const own = shape.slice(1)
      const runs = Math.min(shape[0], Number(options.runs))
      return Array.from({ length: runs }, (_, at) => {
        const from = Math.floor(((at + 0.5) * shape[0]) / runs) * count(own)
        return new ort.Tensor(type, values.slice(from, from + count(own)), own)
      })
    }
  }
  return arrays
}

function print({ file, runs, integer, total, share, operators, neverRan }) {
  const percent = share === null ? 'no products' : `${(100 * share).toFixed(2)} % integer`
  console.log(`${file}: ${percent}, ${Math.round(integer)} of ${Math.round(total)} multiply-adds, ${runs} run(s)`)
  console.log(
    table([
      ['operator', 'kernel', 'nodes', 'runs', 'multiply-adds', 'share'],
      ...operators.map(({ op, nodes, runs: times, multiplyAdds: adds, unknown }) => [
        op,
        INTEGER.has(op) || op === 'DynamicQuantizeLSTM' ? 'integer' : 'float',
        String(nodes),
        String(Math.round(times * 100) / 100),
        adds === 0 ? '-' : `${Math.round(adds)}${unknown > 0 ? ` and ${unknown} unknown` : ''}`,
        adds === 0 ? '-' : `${((100 * adds) / total).toFixed(2)} %`,
      ]),
    ]),
  )
  if (neverRan.length > 0) console.log(`never ran: ${neverRan.join(', ')}`)
}
