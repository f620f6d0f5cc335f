/**
 * Every .onnx file below DIR that has a test_data_set_0 is raised to an opset and must give what it gave, with graph
 * optimization off and on.
 *
 *     node bench/acceptance/raise-opset.mjs DIR [--to 21] [--match TEXT]
 *
 * Files that onnxruntime does not load or run as they are, and inputs that are no dense tensors, are counted and left out.
 * Exit code 1 when a raised file differs or does not load.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import * as ort from 'onnxruntime-node'
import { readTensor } from '../tensor.mjs'
import { filesBelow } from './round-trip.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { to: { type: 'string', default: '21' }, match: { type: 'string', default: '' } },
})
const [root] = positionals
if (!root) throw new Error('which folder? node bench/acceptance/raise-opset.mjs DIR')
const to = Number(options.to)
const dist = new URL('../../dist/', import.meta.url)
const onnx = await import(new URL('formats/onnx/index.js', dist))
const { fileSource } = await import(new URL('bytes/file.node.js', dist))
const { opsetOf } = await import(new URL('graph/index.js', dist))
const { raiseOpset } = await import(new URL('graph/rewrites/raise-opset/index.js', dist))

const session = (model, graphOptimizationLevel) =>
  ort.InferenceSession.create(model, { graphOptimizationLevel, logSeverityLevel: 4, intraOpNumThreads: 1 })

const feedsOf = (folder, names) => {
  const feeds = {}
  for (const [index, name] of names.entries()) {
    const path = join(folder, `input_${index}.pb`)
    const tensor = existsSync(path) ? readTensor(readFileSync(path)) : null
    if (tensor === null) return null
    feeds[name] = new ort.Tensor(tensor.type, tensor.data, tensor.dims)
  }
  return feeds
}

/** Largest difference in parts of each value; infinite where kinds, shapes or non-finite values differ. */
const distance = (wanted, found) => {
  if (wanted.type !== found.type || String(wanted.dims) !== String(found.dims)) return Infinity
  let most = 0
  for (let i = 0; i < wanted.data.length; i++) {
    const [a, b] = [wanted.data[i], found.data[i]]
    if (Object.is(a, b) || a === b) continue
    const apart = Math.abs(Number(a) - Number(b)) / (1e-3 + Math.abs(Number(a)))
    most = Math.max(most, Number.isNaN(apart) ? Infinity : apart)
  }
  return most
}

const encode = async (model) => {
  const parts = []
  const [main] = onnx.layout(model, { name: 'raised.onnx', external: 'never' }).files
  await onnx.writeFile(main, { label: 'memory', write: async (part) => void parts.push(Buffer.from(part)) })
  return Buffer.concat(parts)
}

/** What became of one file, as one word for the tally; details of failures go to the terminal. */
const check = async (path) => {
  const source = fileSource(path)
  try {
    const model = await onnx.read(source)
    if ((opsetOf(model) ?? to) >= to) return 'new enough'
    const before = await session(path, 'disabled').catch(() => null)
    if (before === null) return 'not loaded as it is'
    const feeds = feedsOf(join(dirname(path), 'test_data_set_0'), before.inputNames)
    const wanted = feeds === null ? null : await before.run(feeds).catch(() => null)
    await before.release()
    if (wanted === null) return feeds === null ? 'inputs not read' : 'not run as it is'
    const raised = await raiseOpset(model, to, (tensor) => onnx.readTensor(tensor))
    if (!('model' in raised)) {
      console.log(`${path}: refused, ${raised.text}`)
      return 'refused'
    }
    const bytes = await encode(raised.model)
    for (const [level, allowed] of Object.entries({ disabled: 1e-5, all: 1e-3 })) {
      const after = await session(bytes, level)
      const found = await after.run(feeds)
      await after.release()
      const apart = Math.max(...Object.keys(wanted).map((name) => distance(wanted[name], found[name])))
      if (apart > allowed) throw new Error(`optimization ${level}: differs by ${apart}`)
    }
    return raised.notes.length > 0 ? 'equal, nodes rewritten' : 'equal'
  } catch (error) {
    console.log(`${path}: ${error.message}`)
    return 'FAILED'
  } finally {
    await source.close()
  }
}

const tally = {}
for (const path of filesBelow(root, '.onnx').filter((one) => one.includes(options.match))) {
  const result = await check(path)
  tally[result] = (tally[result] ?? 0) + 1
}
console.table(tally)
process.exitCode = tally.FAILED ? 1 : 0
