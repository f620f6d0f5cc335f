/**
 * ONNX's conformance files against the codec and the quantizer.
 *
 *     node bench/acceptance/conformance.mjs DIR [--only roundtrip|quantize] [--match TEXT] [--keep FOLDER]
 *
 * 1. Every .onnx file below DIR is decoded and encoded again and must come back byte for byte.
 * 2. Test models made quantizable (see constant-inputs.mjs), in three spellings, to each of three presets: the result loads in
 *    onnxruntime-node and matches float within the scheme's error. A refusal counts as a failure wherever the float form itself runs.
 *
 * The scheme's error is measured, not guessed: the float model is run with its constants (and for int8 its inputs) moved at random by
 * up to one step of the grid, ten times; the result may differ by twice the largest difference seen. Exit code 1 when anything fails.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { constantModel, spellings, testFolders } from './constant-inputs.mjs'
import { filesBelow, roundTrip } from './round-trip.mjs'

const dist = new URL('../../dist/', import.meta.url)
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, match: { type: 'string' }, keep: { type: 'string' } },
})
const [root] = positionals
if (!root) throw new Error('which folder? node bench/acceptance/conformance.mjs DIR')
const wanted = (path) => !options.match || path.includes(options.match)
const failures = []

const presets = { int8: 8, 'int8-weights': 8, 'int4-weights': 4 }
const halfValue = (bits) => {
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction
          ? NaN
          : Infinity
        : (1024 + fraction) * 2 ** (exponent - 25)
  return bits & 32768 ? -size : size
}
const numbers = (tensor) =>
  Array.from(tensor.data, tensor.type === 'float16' && tensor.data instanceof Uint16Array ? halfValue : Number)

let seed = 1
const uniform = () => {
  seed = (seed * 48271) % 2147483647
  return seed / 2147483647
}

/** The tensor with each element moved by up to one step of a signed grid of `bits` over its largest magnitude. */
const moved = (tensor, bits) => {
  if (tensor.type !== 'float32') return tensor
  const largest = tensor.data.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
  const step = largest / (2 ** (bits - 1) - 1)
  return { ...tensor, data: tensor.data.map((v) => v + step * (2 * uniform() - 1)) }
}

const runModel = async (ort, model, feeds) => {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4, intraOpNumThreads: 1 })
  try {
    const given = {}
    for (const [name, t] of feeds) given[name] = new ort.Tensor(t.type, t.data, t.dims)
    const out = await session.run(given)
    return session.outputNames.map((name) => ({ name, type: out[name].type, data: out[name].data }))
  } finally {
    await session.release()
  }
}

const largestDifference = (a, b) => {
  const [left, right] = [numbers(a), numbers(b)]
  if (left.length !== right.length) return Infinity
  let most = 0
  left.forEach((v, i) => {
    if (Object.is(v, right[i]) || v === right[i]) return
    const difference = Math.abs(v - right[i])
    most = Number.isNaN(difference) ? Infinity : Math.max(most, difference)
  })
  return most
}

const bounds = async (ort, test, float, bits, preset) => {
  const most = float.map(() => 0)
  for (let draw = 0; draw < 10; draw++) {
    const move = (map, b) => new Map([...map].map(([name, tensor]) => [name, moved(tensor, b)]))
    const feeds = preset === 'int8' ? move(test.feeds, 8) : test.feeds
    const out = await runModel(ort, test.model('initializer', move(test.constants, bits)), feeds)
    out.forEach((o, i) => {
      most[i] = Math.max(most[i], largestDifference(o, float[i]))
    })
  }
  return most.map((m, i) => 2 * m + 1e-5 * Math.max(1, ...numbers(float[i]).map(Math.abs).filter(Number.isFinite)))
}

const quantizeAll = async () => {
  const ort = createRequire(import.meta.url)('onnxruntime-node')
  const { quantize } = await import(new URL('node.js', dist))
  const folder = options.keep ?? mkdtempSync(join(tmpdir(), 'tersor-conformance-'))
  mkdirSync(folder, { recursive: true })
  const tally = Object.fromEntries(
    Object.keys(presets).flatMap((preset) =>
      spellings.map((spelling) => [`${preset} ${spelling}`, { models: 0, right: 0, quantized: 0, failed: 0 }]),
    ),
  )
  const keptBecause = new Map()
  const lowered = new Map()
  const floatFails = []
  for (const path of testFolders(root).filter(wanted)) {
    const test = constantModel(path)
    if (!test) continue
    let float
    try {
      float = await runModel(ort, test.model('initializer'), test.feeds)
    } catch (error) {
      floatFails.push(`${test.name}: ${String(error.message).split('\n')[0].slice(0, 100)}`)
      continue
    }
    for (const [preset, bits] of Object.entries(presets)) {
      const allowed = await bounds(ort, test, float, bits, preset)
      for (const spelling of spellings) {
        const row = tally[`${preset} ${spelling}`]
        row.models++
        const input = join(folder, `${test.name}.${spelling}.onnx`)
        const output = join(folder, `${test.name}.${spelling}.${preset}.onnx`)
        writeFileSync(input, test.model(spelling))
        const fail = (why) => {
          row.failed++
          failures.push(`${test.name} [${test.ops}] ${spelling} ${preset}: ${why}`)
        }
        try {
          const report = await quantize(input, output, { to: preset, everything: true, noVerify: true, force: true })
          const done = report.decisions.filter((d) => d.action === 'quantize')
          if (done.length) row.quantized++
          for (const d of done) {
            const what = `${d.op} ${preset} ${d.scheme} ${d.lowering}`
            lowered.set(what, (lowered.get(what) ?? 0) + 1)
          }
          for (const d of report.decisions) {
            if (d.action === 'keep')
              keptBecause.set(`${d.op} ${d.because.code}`, (keptBecause.get(`${d.op} ${d.because.code}`) ?? 0) + 1)
          }
          const out = await runModel(ort, readFileSync(output), test.feeds)
          const wrong = out
            .map((o, i) => ({ name: o.name, found: largestDifference(o, float[i]), allowed: allowed[i] }))
            .filter((o) => !(o.found <= o.allowed))
          if (wrong.length)
            fail(
              wrong
                .map((w) => `${w.name} differs by ${w.found.toPrecision(3)}, allowed ${w.allowed.toPrecision(3)}`)
                .join('; '),
            )
          else row.right++
        } catch (error) {
          fail(`${error.code ?? ''} ${String(error.message).split('\n')[0].slice(0, 200)}`)
        }
      }
    }
  }
  if (!options.keep) rmSync(folder, { recursive: true })
  console.log('\nquantized')
  console.table(tally)
  console.log('quantized (decisions):')
  for (const [what, count] of [...lowered].sort()) console.log(`  ${count} ${what}`)
  console.log('kept float (decisions):')
  for (const [why, count] of [...keptBecause].sort((a, b) => b[1] - a[1])) console.log(`  ${count} ${why}`)
  console.log(`float form itself does not run: ${floatFails.length}`)
  for (const line of floatFails) console.log(`  ${line}`)
}

if (options.only !== 'quantize') {
  const files = filesBelow(root, '.onnx').filter(wanted)
  const bad = await roundTrip(files, dist)
  console.log(`written back byte for byte: ${files.length - bad.length} of ${files.length}`)
  failures.push(...bad)
}
if (options.only !== 'roundtrip') await quantizeAll()
console.log(failures.length ? `\n${failures.length} failures` : '\nall as wanted')
for (const line of failures) console.log(`  ${line}`)
process.exitCode = failures.length ? 1 : 0
