/**
 * Static int8 on one model with weights and biases refined on the data: src/pipeline/static/refine-weights.ts end to end,
 * without the pipeline's trials and proofs.
 *
 *     node bench/acceptance/refine-try.mjs MODEL --calib DATA --out FILE [--preprocess NAME] [--plain] [--calibrator percentile]
 *          [--segments N] [--samples 16] [--positions 2048] [--target float|own] [--verbose]
 *
 * --plain: nothing is refined.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const root = process.env.TERSOR_ROOT ?? fileURLToPath(new URL('../..', import.meta.url))
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    calib: { type: 'string' },
    preprocess: { type: 'string' },
    calibrator: { type: 'string', default: 'percentile' },
    segments: { type: 'string' },
    samples: { type: 'string', default: '16' },
    positions: { type: 'string', default: '2048' },
    target: { type: 'string', default: 'own' },
    plain: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
const [path] = positionals
if (!path || !options.calib || !options.out)
  throw new Error('node bench/acceptance/refine-try.mjs MODEL --calib DATA --out FILE')

const folder = mkdtempSync(join(root, 'node_modules/.refine-try-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const bundled = join(folder, 'parts.mjs')
await build({
  stdin: {
    contents: `
      export { openModel } from './src/pipeline/open-model.node.ts'
      export { prepare } from './src/pipeline/run.ts'
      export { Phases } from './src/pipeline/phases.ts'
      export { askOf } from './src/pipeline/ask-of.ts'
      export { openGiven } from './src/pipeline/evidence.node.ts'
      export { collectStatistics } from './src/pipeline/calibrate.node.ts'
      export { TapSessions } from './src/pipeline/tap-sessions.node.ts'
      export { NO_CHOICES, placeStatic, readyStatic } from './src/pipeline/static/static-model.ts'
      export { gridsOf } from './src/pipeline/static/static-grids.ts'
      export { staticConstants } from './src/pipeline/static/static-weights.ts'
      export { refineWeights } from './src/pipeline/static/refine-weights.ts'
      export { applyEdits, removeDead } from './src/graph/index.ts'
      export { insertPairs } from './src/graph/lowerings/index.ts'
      export { createKernelsSync } from './src/kernels/index.ts'
      export { startOrtWorker } from './src/runtime/worker.node.ts'
      export { encodeModel } from './test/fixtures/build.ts'`,
    resolveDir: root,
    loader: 'ts',
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
  outfile: bundled,
  logLevel: 'error',
})
const parts = await import(pathToFileURL(bundled))
const kernels = parts.createKernelsSync()
const tools = { kernels, notify: () => undefined }
const phases = new parts.Phases(() => undefined)
const { findRuntime } = await import(
  pathToFileURL(process.env.TERSOR_RUNTIME ?? join(root, 'dist/runtime/find.node.js'))
)
const runtime = await findRuntime()
const seconds = async (what, work) => {
  const start = performance.now()
  const cpu = process.cpuUsage()
  const made = await work()
  const used = process.cpuUsage(cpu)
  console.log(
    `${what}: ${((performance.now() - start) / 1000).toFixed(2)} s, cpu ${((used.user + used.system) / 1e6).toFixed(2)} s`,
  )
  return made
}

const opened = await parts.openModel(path)
const prepared = await parts.prepare(opened, tools, phases)
const ask = parts.askOf({ to: 'int8-static' })
const ready = await parts.readyStatic(prepared, ask, phases)
const { model, placement, values } = await parts.placeStatic(ready, ask, parts.NO_CHOICES, phases)
const session = await runtime.open({ path: opened.path }, { optimized: true, threads: 1 })
const samples = await parts.openGiven(options.calib, model, prepared.inventory, session, {
  ...(options.preprocess ? { preprocess: options.preprocess } : {}),
})
await session.release()
const { statistics } = await seconds('calibrate', () =>
  parts.collectStatistics({ model, values, samples, runtime, tools }),
)
const grids = parts.gridsOf(placement, statistics, () => options.calibrator)
let constants = await seconds('weights', () => parts.staticConstants(model, placement, grids, statistics, true, tools))
if (!options.plain) {
  const sessions = new parts.TapSessions(runtime, tools)
  const input = { model, placement, grids, constants, samples, sessions, tools }
  const refined = await seconds('refine', () =>
    parts.refineWeights(input, {
      ...(options.segments ? { segments: Number(options.segments) } : {}),
      samples: Number(options.samples),
      positions: Number(options.positions),
      target: options.target,
    }),
  )
  await sessions.close()
  let [before, after, count] = [0, 0, 0]
  for (const [name, one] of refined.refined) {
    if (options.verbose) {
      console.log(
        `  ${name}: ${decibels(one.before)} -> ${decibels(one.after)} dB, ${one.rows} rows, bias ${one.biasCorrected}`,
      )
    }
    before += Math.log10(one.before)
    after += Math.log10(one.after)
    count++
  }
  console.log(
    `${count} of ${placement.products.length} refined: mean ${((-10 * before) / count).toFixed(2)} -> ${((-10 * after) / count).toFixed(2)} dB`,
  )
  constants = refined
}
await runtime.close()
const edits = parts.insertPairs(model, placement, { grids, weights: constants.weights, biases: constants.biases })
const bytes = await parts.encodeModel(parts.removeDead(parts.applyEdits(model, edits)))
writeFileSync(options.out, bytes)
console.log(`${options.out}: ${bytes.length} bytes`)

function decibels(share) {
  return (-10 * Math.log10(share)).toFixed(2)
}
