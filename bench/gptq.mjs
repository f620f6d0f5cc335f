/**
 * Codes by second moments: how much less products are wrong than with nearest codes, and how long it takes.
 *
 *     node bench/gptq.mjs [--depth 768] [--channels 256] [--speed 2048] [--python PYTHON]
 *
 * Inputs are correlated: a quarter as many factors as dimensions, and a little noise. Errors are roots of E|W x - Q x|^2 / E|W x|^2. The times
 * are processor times of one thread, the matrix given; with --python (numpy, and torch if there is one) the
 * reference formulas, in blocks of 128 columns, are timed on a matrix of that size.
 * Run npm run build first.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createKernelsSync } from '../dist/kernels/index.js'
import { parseSchemeId } from '../dist/schemes/index.js'
import { GramDescent } from '../dist/solvers/gram/descend.js'
import { factorGram } from '../dist/solvers/gram/factor.js'
import { feedbackRows } from '../dist/solvers/gram/feedback.js'
import { decodeRows } from '../dist/solvers/gram/rows.js'
import { GramSolver, PLAIN_CHOICE } from '../dist/solvers/gram/solve-gram.js'
import { solveTensor } from '../dist/solvers/index.js'
import { table } from './table.mjs'

const { values: options } = parseArgs({
  options: {
    depth: { type: 'string', default: '768' },
    channels: { type: 'string', default: '256' },
    speed: { type: 'string', default: '2048' },
    python: { type: 'string' },
  },
})
const kernels = createKernelsSync()

let state = 1
const uniform = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return (state + 0.5) / 4294967296
}
const bell = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())

function correlated(depth) {
  const rank = depth / 4
  const mix = Float64Array.from({ length: rank * depth }, bell)
  const gram = new Float32Array(depth * depth)
  for (let r = 0; r < rank; r++) {
    for (let i = 0; i < depth; i++) {
      const by = mix[r * depth + i] / rank
      for (let j = 0; j < depth; j++) gram[i * depth + j] += by * mix[r * depth + j]
    }
  }
  for (let i = 0; i < depth; i++) gram[i * depth + i] += 0.1
  return gram
}

function errors(depth, channels) {
  const gram = correlated(depth)
  const values = Float32Array.from({ length: depth * channels }, bell)
  const descent = new GramDescent(gram, depth, kernels)
  const energyOf = (left) => {
    descent.load()
    return descent.energy(left)
  }
  const all = energyOf(values)
  const rows = []
  for (const id of ['int4-block32-asym', 'int4-block32-sym', 'int8-channel-sym', 'int2-block16-asym']) {
    const spec = parseSchemeId(id)
    const own = { values, channels, depth, spec }
    const errorOf = (codes) => {
      const decoded = decodeRows(own, codes)
      return Math.sqrt(energyOf(values.map((value, i) => value - decoded[i])) / all)
    }
    const alone = (solver) => {
      const view = { stack: 1, channels, depth, along: 'row' }
      const { quantized } = solveTensor(values, view, spec, solver, kernels)
      return {
        ...quantized,
        zeros: quantized.zeros ?? new Uint8Array(quantized.scales.length).fill(2 ** (spec.bits - 1)),
      }
    }
    const solver = new GramSolver({ depth, gram, drift: null }, kernels)
    const damping = 0.01
    let trace = 0
    for (let i = 0; i < depth; i++) trace += gram[i * depth + i]
    const found = {
      nearest: alone('nearest'),
      search: alone('search'),
      feedback: feedbackRows(own, factorGram(gram, depth, (damping * trace) / depth, kernels), kernels),
      'and descent': solver.solve(own, { ...PLAIN_CHOICE, damping, drift: 0 }),
      'act-order': solver.solve(own, { ...PLAIN_CHOICE, damping, drift: 0, ordered: true }),
    }
    const nearest = errorOf(found.nearest)
    rows.push([
      id,
      ...Object.values(found).map((codes) => {
        const error = errorOf(codes)
        return `${error.toFixed(4)} (${((error / nearest - 1) * 100).toFixed(0)} %)`
      }),
    ])
  }
  console.log(`\nerror of products, depth ${depth}, ${channels} channels`)
  console.log(table([['scheme', 'nearest', 'search', 'feedback', 'and descent', 'act-order'], ...rows]))
}

function speed(depth) {
  const gram = correlated(depth)
  const values = Float32Array.from({ length: depth * depth }, bell)
  const rows = { values, channels: depth, depth, spec: parseSchemeId('int4-block32-asym') }
  let trace = 0
  for (let i = 0; i < depth; i++) trace += gram[i * depth + i]
  const best = { factor: Infinity, feedback: Infinity, descent: Infinity }
  // Of this thread's own, so that a busy machine does not count twice.
  const cpu = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  for (let run = 0; run < 3; run++) {
    const start = cpu()
    const factor = factorGram(gram, depth, (0.01 * trace) / depth, kernels)
    const factored = cpu()
    const codes = feedbackRows(rows, factor, kernels)
    const fed = cpu()
    best.factor = Math.min(best.factor, factored - start)
    best.feedback = Math.min(best.feedback, fed - factored)
    if (run > 0) continue
    const descent = new GramDescent(gram, depth, kernels)
    descent.load()
    descent.descend(rows, codes, { rounds: 1, sweeps: 4 })
    best.descent = Math.min(best.descent, cpu() - fed)
  }
  const times = Object.entries(best).map(([name, ms]) => [name, `${(ms / 1000).toFixed(2)} s`])
  times.push(['factor and feedback', `${((best.factor + best.feedback) / 1000).toFixed(2)} s`])
  console.log(`\nprocessor time, ${depth} x ${depth}, 4 bits, blocks of 32, one thread`)
  console.log(table([['part', 'best of 3'], ...times]))
  if (options.python === undefined) return
  const script = fileURLToPath(new URL('quality/gptq-reference.py', import.meta.url))
  spawnSync(options.python, [script, String(depth)], {
    stdio: 'inherit',
    env: { ...process.env, OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1', OMP_NUM_THREADS: '1' },
  })
}

if (Number(options.depth) > 0) errors(Number(options.depth), Number(options.channels))
if (Number(options.speed) > 0) speed(Number(options.speed))
