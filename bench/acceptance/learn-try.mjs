/**
 * Learned rounding on one model, without the command line: static ranges, codes of a few bits for every weight, and the model that computes
 * with them in float, for the score tool.
 *
 *     node bench/acceptance/learn-try.mjs MODEL --calib DATA [--preprocess P] [--bits 4] [--effort best] [--samples 100]
 *          [--op Conv] [--set iterations=600,rate=0.01,...] [--out FILE] [--packed] [--ends 8]
 *
 * --ends: bits of the first and the last weight. --packed writes codes (src/graph/lowerings/low-bit-weight.ts); without it decoded floats.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    calib: { type: 'string' },
    preprocess: { type: 'string' },
    bits: { type: 'string', default: '4' },
    effort: { type: 'string', default: 'best' },
    samples: { type: 'string', default: '100' },
    op: { type: 'string' },
    set: { type: 'string', default: '' },
    out: { type: 'string' },
    packed: { type: 'boolean', default: false },
    ends: { type: 'string' },
    asym: { type: 'boolean', default: false },
  },
})
const [path] = positionals
if (!path || !options.calib) throw new Error('node bench/acceptance/learn-try.mjs MODEL --calib DATA')

// Beside the build: the executor's worker is found from there.
const folder = mkdtempSync(join(root, 'dist', '.learn-try-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const bundled = join(folder, 'parts.mjs')
await build({
  stdin: {
    contents: `
      export { openModel } from './src/pipeline/open-model.node.ts'
      export { load } from './src/pipeline/load.ts'
      export { readSmall } from './src/pipeline/tensor-bytes.ts'
      export { openGiven } from './src/pipeline/evidence.node.ts'
      export { collectStatistics } from './src/pipeline/calibrate.node.ts'
      export { gridsOf } from './src/pipeline/static/static-grids.ts'
      export { learnWeights } from './src/pipeline/static/learn-weights.node.ts'
      export { insertPairs } from './src/graph/lowerings/index.ts'
      export { roundedModel } from './src/pipeline/static/rounded-model.ts'
      export { applyEdits, removeDead, opsetOf, takeInventory } from './src/graph/index.ts'
      export { prepareForStatic } from './src/graph/rewrites/prepare-static.ts'
      export { raiseOpset } from './src/graph/rewrites/raise-opset/index.ts'
      export { placeActivations } from './src/graph/placement/index.ts'
      export { findRuntime } from './src/runtime/find.node.ts'
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
  external: ['onnxruntime-node', 'sharp'],
  logLevel: 'error',
})
const parts = await import(pathToFileURL(bundled))

const { readSmall } = parts
const opened = await parts.openModel(path)
const tools = { kernels: parts.createKernelsSync(), notify: () => undefined }
const { model: original } = await parts.load(opened.source, opened.openExternal)
let { model } = await parts.prepareForStatic(original, readSmall)
if (parts.opsetOf(model) < 21) model = (await parts.raiseOpset(model, 21, readSmall)).model
const inventory = await parts.takeInventory(model, readSmall)
const placement = await parts.placeActivations(model, parts.ortNodeCpu, { readSmall })
const runtime = await parts.findRuntime()
const session = await runtime.open({ path }, { optimized: true, threads: 1 })
const given = { preprocess: options.preprocess, samples: Number(options.samples), modelPath: path }
const samples = await parts.openGiven(options.calib, model, inventory, session, given)
await session.release()
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`
let since = performance.now()
const { statistics } = await parts.collectStatistics({
  model,
  values: [...new Set(placement.points.map(({ value }) => value))],
  samples,
  runtime,
  tools,
})
const grids = parts.gridsOf(placement, statistics, () => 'percentile')
console.log(`${samples.count} samples, ${placement.points.length} points, calibrated in ${seconds(since)}`)

const wanted = placement.products.filter(
  ({ weight, op }) => weight && op !== 'ConvTranspose' && (!options.op || op === options.op),
)
const few = (bits) => ({ bits: Number(bits), symmetric: !options.asym })
const bits = new Map(wanted.map(({ weight }) => [weight.name, few(options.bits)]))
if (options.ends) for (const { weight } of [wanted[0], wanted.at(-1)]) bits.set(weight.name, few(options.ends))
const settings = Object.fromEntries(
  options.set
    .split(',')
    .filter(Boolean)
    .map((pair) => pair.split('='))
    .map(([name, value]) => [
      name,
      name === 'ridges' || name === 'drifts'
        ? value.split('/').map(Number)
        : value === 'true' || (value !== 'false' && Number(value)),
    ]),
)
since = performance.now()
const learned = await parts.learnWeights({
  model,
  placement,
  grids,
  bits,
  samples,
  runtime,
  tools,
  effort: options.effort,
  settings,
  notify: ({ done, total, note }) => process.stderr.write(`\r${done}/${total} ${note ?? ''}\x1b[K`),
})
process.stderr.write('\n')
for (const [name, { descended, learned: after }] of learned.figures) {
  console.log(`  ${name}: ${descended.toPrecision(4)} -> ${after.toPrecision(4)} (${(after / descended).toFixed(3)})`)
}
for (const note of learned.notes) console.log(note)
console.log(`learned in ${seconds(since)}`)
await runtime.close()

const constants = new Map()
for (const { weight, bias } of wanted) {
  const made = learned.weights.get(weight.name)
  if (made.bias) constants.set(bias, made.bias)
  const inner =
    weight.axis === null ? made.codes.length : weight.shape.slice(weight.axis + 1).reduce((a, b) => a * b, 1)
  const channelOf = (i) => Math.floor(i / inner) % made.scales.length
  constants.set(
    weight.name,
    Float32Array.from(made.codes, (code, i) => (code - made.zeros[channelOf(i)]) * made.scales[channelOf(i)]),
  )
}
if (options.out) {
  const lowBit = new Map(
    wanted.map(({ weight }) => [
      weight.name,
      { ...learned.weights.get(weight.name), axis: weight.axis, shape: weight.shape },
    ]),
  )
  const pairs = () => parts.insertPairs(model, placement, { grids, weights: new Map(), biases: constants, lowBit })
  const rounded = options.packed
    ? parts.applyEdits(model, pairs())
    : parts.roundedModel(model, placement, grids, constants).model
  const bytes = await parts.encodeModel(parts.removeDead(rounded))
  writeFileSync(options.out, bytes)
  console.log(`${options.out}: ${bytes.length} bytes`)
}
process.exit(0)
