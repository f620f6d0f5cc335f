/**
 * Our encoders against ggml's own, at the same bytes: squared error on 20 weight tensors of real models.
 *
 *     node bench/gguf-encoders.mjs DIR [--python PY --ggml LIBRARY] [--types Q4_0,Q4_K] [--effort fast] [--weighted]
 *                                  [--values 1048576] [--dist dist] [--json FILE]
 *
 * DIR is searched for .onnx files. PY is a Python with numpy, LIBRARY ggml built as test/golden/ggml.py says; without them only
 * our own errors are printed. --weighted: both sides get an importance of 256 columns, and errors are weighted with it.
 * Tensors are taken as one row, in runs of 256 values. Needs a build.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string' },
    ggml: { type: 'string' },
    types: { type: 'string' },
    effort: { type: 'string' },
    weighted: { type: 'boolean', default: false },
    values: { type: 'string', default: '1048576' },
    tensors: { type: 'string', default: '20' },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    json: { type: 'string' },
  },
})
const [root] = positionals
if (!root) {
  console.error('usage: node bench/gguf-encoders.mjs DIR [--python PY --ggml LIBRARY] ...')
  process.exit(2)
}
const dist = (path) => import(pathToFileURL(join(resolve(options.dist), path)).href)
const { fileSource } = await dist('bytes/file.node.js')
const { read, readTensor } = await dist('formats/onnx/index.js')
const { blockLayouts, packBlocks, unpackBlocks } = await dist('formats/gguf/packings/index.js')
const { arrayScheme } = await dist('schemes/arrays/registry.js')

/** Models below `folder`, without those made to be broken and those of single operators. */
function modelsIn(folder) {
  const found = []
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!/^(malformed|conformance-)/.test(entry.name)) found.push(...modelsIn(path))
    } else if (entry.name.endsWith('.onnx')) found.push(path)
  }
  return found
}

/** Weights of a model, largest first: f32, two dimensions or more, at least 4,096 values, finite. */
async function weightsOf(path) {
  const model = await read(fileSource(path))
  const weights = model.graph.initializers.filter(
    ({ dtype, shape, storage }) => dtype === 'f32' && shape.length >= 2 && storage.byteLength >= 4 * 4096,
  )
  return weights.sort((a, b) => b.storage.byteLength - a.storage.byteLength || (a.name < b.name ? -1 : 1))
}

/** Filter banks and other tables, not weights: blocks of one power of two and zeros leave nothing to choose. */
const mostlyZero = (floats) => floats.reduce((count, x) => count + (x === 0 ? 1 : 0), 0) > floats.length / 2

/** In turns over the models: the largest tensor of each, then the middle one, then the third quartile and so on. */
async function chooseTensors(count) {
  const lists = []
  for (const path of modelsIn(root)) {
    const weights = await weightsOf(path)
    if (weights.length > 0) lists.push({ path, weights })
  }
  const chosen = []
  const seen = new Set()
  for (const share of [0, 0.5, 0.75, 0.25, 0.9, 0.1]) {
    for (const { path, weights } of lists) {
      const tensor = weights[Math.min(weights.length - 1, Math.floor(share * weights.length))]
      const bytes = await readTensor(tensor)
      const length = Math.min(Number(options.values), Math.floor(bytes.byteLength / 1024) * 256)
      const floats = new Float32Array(bytes.slice(0, 4 * length).buffer)
      const key = `${floats.length} ${floats.subarray(0, 64).join()}`
      if (seen.has(key) || !floats.every(Number.isFinite) || mostlyZero(floats)) continue
      seen.add(key)
      chosen.push({ name: `${relative(root, path)} ${tensor.name}`, floats })
      if (chosen.length === count) return chosen
    }
  }
  return chosen
}

const tensors = await chooseTensors(Number(options.tensors))
const types = options.types?.split(',') ?? [
  'Q2_0',
  'NVFP4',
  'MXFP4',
  'Q4_0',
  'IQ4_NL',
  ...['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'],
]
/** Column weights over four octaves, the same in every run. */
const importance = Float32Array.from({ length: 256 }, (_, i) => 2 ** (((i * 97) % 256) / 64))
const folder = mkdtempSync(join(tmpdir(), 'gguf-encoders-'))
const reference = runReference()

function runReference() {
  for (const [index, { floats }] of tensors.entries()) {
    writeFileSync(join(folder, `t${index}`), new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength))
  }
  writeFileSync(join(folder, 'importance'), new Uint8Array(importance.buffer))
  const list = { types, tensors: tensors.map((_, index) => ({ file: `t${index}` })), importance: 'importance' }
  writeFileSync(join(folder, 'list.json'), JSON.stringify(list))
  if (!options.python || !options.ggml) return 'absent: no --python and --ggml given'
  const script = fileURLToPath(new URL('./gguf-reference.py', import.meta.url))
  const { status, stderr, error } = spawnSync(options.python, [script, options.ggml, folder], { encoding: 'utf8' })
  return status === 0 ? null : `absent: ${error?.message ?? stderr.trim().split('\n').at(-1)}`
}

function groupsOf({ codec, grouping }) {
  const count = codec.parameters.reduce((sum, spec) => sum + spec.count, 0)
  return { size: grouping.size, count }
}

/** What shared parameters a codec has besides: a block format has none, so they are 1. */
const sharedOf = ({ codec }) => new Float32Array(codec.shared.reduce((sum, spec) => sum + spec.count, 0)).fill(1)

function encode(layout, scheme, floats) {
  const { size, count } = groupsOf(scheme)
  const codes = new Uint16Array(floats.length)
  const parameters = new Float32Array((floats.length / size) * count)
  const shared = sharedOf(scheme)
  const group = {
    rounding: 'half-even',
    seed: 0,
    first: 0,
    fixed: false,
    effort: options.effort ?? scheme.codec.effort,
  }
  for (let i = 0; i * size < floats.length; i++) {
    group.values = floats.subarray(i * size, (i + 1) * size)
    group.importance = options.weighted ? importance.subarray((i * size) % 256, ((i * size) % 256) + size) : undefined
    group.first = i * size
    scheme.codec.encode(
      group,
      codes.subarray(i * size, (i + 1) * size),
      parameters.subarray(i * count, (i + 1) * count),
      shared,
    )
  }
  return packBlocks(layout, codes, parameters)
}

function squaredError(layout, scheme, bytes, floats) {
  const { size, count } = groupsOf(scheme)
  const { codes, parameters } = unpackBlocks(layout, bytes)
  const decoded = new Float32Array(size)
  const shared = sharedOf(scheme)
  let sum = 0
  for (let i = 0; i * size < floats.length; i++) {
    scheme.codec.decode(
      codes.subarray(i * size, (i + 1) * size),
      parameters.subarray(i * count, (i + 1) * count),
      shared,
      decoded,
    )
    for (let k = 0; k < size; k++) {
      const error = floats[i * size + k] - decoded[k]
      sum += error * error * (options.weighted ? importance[(i * size + k) % 256] : 1)
    }
  }
  return sum
}

const energy = (floats) => {
  let sum = 0
  for (let i = 0; i < floats.length; i++) sum += floats[i] ** 2 * (options.weighted ? importance[i % 256] : 1)
  return sum
}

const results = []
for (const type of types) {
  const layout = blockLayouts.get(type)
  const scheme = arrayScheme(layout.scheme)
  const rows = []
  let seconds = 0
  let values = 0
  for (const [index, { name, floats }] of tensors.entries()) {
    const start = performance.now()
    const bytes = encode(layout, scheme, floats)
    seconds += (performance.now() - start) / 1000
    values += floats.length
    const file = join(folder, `${type}-t${index}${options.weighted ? '-weighted' : ''}`)
    const theirs = reference === null ? squaredError(layout, scheme, readFileSync(file), floats) : Number.NaN
    const ours = squaredError(layout, scheme, bytes, floats)
    const whole = energy(floats)
    rows.push({ name, ours: Math.sqrt(ours / whole), theirs: Math.sqrt(theirs / whole), ratio: ours / theirs })
  }
  results.push({ type, scheme: scheme.id, nanoseconds: (1e9 * seconds) / values, rows })
}

const figure = (value) => (Number.isNaN(value) ? '-' : value.toFixed(4))
console.log(
  `${tensors.length} tensors, ${options.weighted ? 'weighted ' : ''}relative root mean square error, ours / ggml's`,
)
if (reference !== null) console.log(`reference encoders: ${reference}`)
console.log(['tensor'.padEnd(60), ...types.map((type) => type.padStart(13))].join(' '))
for (const [index, { name, floats }] of tensors.entries()) {
  const cells = results.map(({ rows }) => `${figure(rows[index].ours)}/${figure(rows[index].theirs)}`.padStart(13))
  console.log([`${name} (${floats.length})`.slice(-60).padEnd(60), ...cells].join(' '))
}
for (const { type, scheme, nanoseconds, rows } of results) {
  const ratios = rows.map(({ ratio }) => ratio).sort((a, b) => a - b)
  const lower = ratios.filter((ratio) => ratio < 1).length
  console.log(
    `${type.padEnd(7)} ${scheme.padEnd(26)} squared error ours : ggml's, median ${figure(ratios[ratios.length >> 1])}, ` +
      `worst ${figure(ratios.at(-1))}; lower on ${lower} of ${rows.length}; ${nanoseconds.toFixed(0)} ns a value`,
  )
}
if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 1)}\n`)
rmSync(folder, { recursive: true })
