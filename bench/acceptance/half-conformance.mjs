/**
 * ONNX's conformance models as fp16.
 *
 *     node bench/acceptance/half-conformance.mjs DIR [--match TEXT] [--keep FOLDER]
 *
 * Every model below DIR that onnxruntime-node loads and runs on its own test data is made fp16 by the library (without data, so by kinds
 * of operators alone), and must load, run and answer within 2 % of float. Run npm run build first. Each model runs in a process
 * of workers: where onnxruntime ends the process, that is what is written down. Exit code 1 when anything fails.
 */
import { fork } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readTensor } from '../tensor.mjs'
import { testFolders } from './constant-inputs.mjs'

const dist = new URL('../../dist/', import.meta.url)
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { match: { type: 'string', default: '' }, keep: { type: 'string' }, worker: { type: 'boolean' } },
})
if (options.worker) await work()
else await lead(positionals[0])

async function lead(root) {
  if (!root) throw new Error('which folder? node bench/acceptance/half-conformance.mjs DIR')
  const folders = testFolders(root)
    .filter((path) => path.includes(options.match))
    .sort()
  const counts = new Map()
  const failures = []
  let next = 0
  const note = (folder, result) => {
    counts.set(result.kind, (counts.get(result.kind) ?? 0) + 1)
    if (result.kind.startsWith('fail')) failures.push(`${result.kind}: ${basename(folder)}: ${result.text ?? ''}`)
  }
  const one = () =>
    new Promise((resolve) => {
      const child = fork(fileURLToPath(import.meta.url), [
        '--worker',
        ...(options.keep ? ['--keep', options.keep] : []),
      ])
      let current
      const give = () => {
        current = folders[next++]
        if (current === undefined) child.disconnect()
        else child.send(current)
      }
      let stage = 'float'
      child.on('message', (result) => {
        if (result.stage) {
          stage = result.stage
          return
        }
        stage = 'float'
        note(current, result)
        give()
      })
      child.on('exit', () => {
        if (current === undefined) return resolve()
        note(current, { kind: stage === 'float' ? 'float does not run' : 'fail: the process ended' })
        resolve(one())
      })
      give()
    })
  await Promise.all([one(), one()])
  for (const [kind, count] of [...counts].sort()) console.log(`${String(count).padStart(5)}  ${kind}`)
  for (const line of failures.sort()) console.log(line)
  process.exitCode = failures.length > 0 ? 1 : 0
}

async function work() {
  const require = createRequire(import.meta.url)
  const ort = require('onnxruntime-node')
  const { quantize } = await import(new URL('index.js', dist))
  process.on('message', async (folder) => process.send(await tried(ort, quantize, folder)))
  process.on('disconnect', () => process.exit(0))
}

async function tried(ort, quantize, folder) {
  const bytes = new Uint8Array(readFileSync(join(folder, 'model.onnx')))
  const run = async (model, level) => {
    const settings = { graphOptimizationLevel: level, intraOpNumThreads: 1, logSeverityLevel: 4 }
    const session = await ort.InferenceSession.create(model, settings)
    const feeds = feedsOf(ort, folder, session)
    try {
      return feeds === null ? null : await session.run(feeds)
    } finally {
      await session.release()
    }
  }
  let wanted
  try {
    wanted = await run(bytes, 'disabled')
    const again = await run(bytes, 'all')
    if (wanted !== null && difference(wanted, again) !== null) return { kind: 'float is random' }
  } catch {
    return { kind: 'float does not run' }
  }
  process.send({ stage: 'fp16' })
  let result
  try {
    result = await quantize(bytes, { to: 'fp16' })
  } catch (error) {
    return { kind: `fail: ${error.code}`, text: error.message }
  }
  const half = [...result.files.values()][0]
  if (options.keep) writeFileSync(join(options.keep, `${basename(folder)}.onnx`), half)
  for (const level of ['disabled', 'all']) {
    let found
    try {
      found = await run(half, level)
    } catch (error) {
      return { kind: 'fail: fp16 does not run', text: `${level}: ${error.message.slice(0, 300)}` }
    }
    if (wanted === null) continue
    const apart = difference(wanted, found)
    if (apart !== null) return { kind: 'fail: differs', text: `${level}: ${apart}` }
  }
  return { kind: wanted === null ? 'loads, no data' : 'runs' }
}

function feedsOf(ort, folder, session) {
  const feeds = {}
  for (const [index, name] of session.inputNames.entries()) {
    const path = join(folder, 'test_data_set_0', `input_${index}.pb`)
    if (!existsSync(path)) return null
    const tensor = readTensor(readFileSync(path))
    if (!tensor) return null
    feeds[name] = new ort.Tensor(tensor.type, tensor.data, tensor.dims)
  }
  return feeds
}

/** Why two sets of answers are not the same; null where they are. */
function difference(wanted, found) {
  for (const [name, one] of Object.entries(wanted)) {
    const other = found[name]
    if (other?.type !== one.type) return `${name} is ${other?.type}, not ${one.type}`
    if (String(other.dims) !== String(one.dims)) return `${name} is [${other.dims}], not [${one.dims}]`
    if (one.type !== 'float32') continue
    let [noise, signal, largest] = [0, 0, 0]
    for (const [index, value] of one.data.entries()) {
      if (Object.is(value, other.data[index]) || value === other.data[index]) continue
      noise += (value - other.data[index]) ** 2
    }
    for (const value of one.data) {
      if (!Number.isFinite(value)) continue
      signal += value ** 2
      largest = Math.max(largest, Math.abs(value))
    }
    if (!(Math.sqrt(noise) <= 0.02 * Math.sqrt(signal) + 1e-3))
      return `${name}: noise ${Math.sqrt(noise)}, signal ${Math.sqrt(signal)}`
  }
  return null
}
