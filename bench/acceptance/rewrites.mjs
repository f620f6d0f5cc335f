/**
 * Every .onnx file below DIR is rewritten as before static quantization and must give what it gave, on made-up inputs, with graph
 * optimization off and on.
 *
 *     node bench/acceptance/rewrites.mjs DIR [--match TEXT] [--skip conformance,malformed] [--equalize] [--allowed 1e-4]
 *
 * Prints for each file how many nodes there were and are, what was done, which BatchNormalization is left and why, and the largest
 * difference as a part of the largest value of its output. With --equalize weights are equalized across layers afterwards.
 * With --save FOLDER the results are kept. Exit code 1 when a file differs by more than allowed or does not load.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import * as ort from 'onnxruntime-node'
import { filesBelow } from './round-trip.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    match: { type: 'string', default: '' },
    skip: { type: 'string', default: 'conformance,malformed' },
    allowed: { type: 'string', default: '1e-4' },
    equalize: { type: 'boolean', default: false },
    save: { type: 'string' },
  },
})
const [root] = positionals
if (!root) throw new Error('which folder? node bench/acceptance/rewrites.mjs DIR')
const dist = new URL('../../dist/', import.meta.url)
const onnx = await import(new URL('formats/onnx/index.js', dist))
const { fileSource } = await import(new URL('bytes/file.node.js', dist))
const { checkGraph } = await import(new URL('graph/index.js', dist))
const { prepareForStatic } = await import(new URL('graph/rewrites/prepare-static.js', dist))
const { equalize } = await import(new URL('graph/rewrites/equalize.js', dist)).catch(() => ({}))

const session = (model, graphOptimizationLevel) =>
  ort.InferenceSession.create(model, { graphOptimizationLevel, logSeverityLevel: 4, intraOpNumThreads: 1 })

const encode = async (model) => {
  const parts = []
  const [main] = onnx.layout(model, { name: 'rewritten.onnx', external: 'never' }).files
  await onnx.writeFile(main, { label: 'memory', write: async (part) => void parts.push(Buffer.from(part)) })
  return Buffer.concat(parts)
}

/** Sizes tried for what a model leaves open: for the first axis, those between, the last. */
const SIZES = [
  [1, 64, 64],
  [1, 224, 224],
  [2, 8, 8],
  [1, 1, 576],
  [1, 1, 1],
]
let state = 1
const next = () => {
  state = (state * 48271) % 2147483647
  return state / 2147483647
}
const made = (input, [first, between, last]) => {
  const open = (axis) => (axis === 0 ? first : axis === input.shape.length - 1 ? last : between)
  const dims = input.shape.map((size, axis) => (typeof size === 'number' && size >= 0 ? size : open(axis)))
  const count = dims.reduce((a, b) => a * b, 1)
  if (input.type === 'int64') {
    const most = /mask/.test(input.name) ? 1 : /type/.test(input.name) ? 0 : /^sr$|rate/.test(input.name) ? 16000 : 99
    const least = most === 1 || most === 16000 ? most : 0
    return new ort.Tensor(
      'int64',
      BigInt64Array.from({ length: count }, () => BigInt(least + Math.floor(next() * (most - least + 1)))),
      dims,
    )
  }
  if (input.type === 'int32')
    return new ort.Tensor(
      'int32',
      Int32Array.from({ length: count }, () => Math.floor(next() * 99)),
      dims,
    )
  if (input.type === 'bool')
    return new ort.Tensor(
      'bool',
      Uint8Array.from({ length: count }, () => 1),
      dims,
    )
  return new ort.Tensor(
    'float32',
    Float32Array.from({ length: count }, () => next() * 2 - 1),
    dims,
  )
}

/** Feeds that the model takes, and what it gives; null when none were found. */
const tried = async (before, wantsConstants) => {
  if (before.inputMetadata.some(({ isTensor }) => !isTensor)) return null
  for (const sizes of SIZES) {
    const feeds = {}
    for (const input of before.inputMetadata) {
      if (!wantsConstants.has(input.name)) feeds[input.name] = made(input, sizes)
    }
    const wanted = await before.run(feeds).catch(() => null)
    if (wanted !== null && Object.values(wanted).some(({ data }) => data.length > 0)) return { feeds, wanted }
  }
  return null
}

const distance = (wanted, found) => {
  if (wanted.type !== found?.type || String(wanted.dims) !== String(found.dims)) return Infinity
  let [most, largest] = [0, 0]
  for (let i = 0; i < wanted.data.length; i++) {
    const [a, b] = [Number(wanted.data[i]), Number(found.data[i])]
    if (Number.isFinite(a)) largest = Math.max(largest, Math.abs(a))
    if (!Object.is(a, b) && a !== b) most = Math.max(most, Number.isFinite(a - b) ? Math.abs(a - b) : Infinity)
  }
  return most === 0 ? 0 : most / (largest || 1)
}

const counted = (notes) => {
  const counts = {}
  for (const { rewrite } of notes) counts[rewrite] = (counts[rewrite] ?? 0) + 1
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
const nodesOf = (model) => model.graph.nodes.filter(({ op }) => op !== 'Constant').length
const normsOf = (model) => model.graph.nodes.filter(({ op }) => op === 'BatchNormalization').length

let failed = 0
for (const path of filesBelow(root, '.onnx')) {
  if (!path.includes(options.match) || options.skip.split(',').some((word) => word !== '' && path.includes(word)))
    continue
  const source = fileSource(path)
  try {
    const { model } = checkGraph(await onnx.read(source))
    const original = readFileSync(path)
    const before = await session(original, 'disabled').catch(() => null)
    if (before === null) {
      console.log(`${path}\n  not loaded as it is`)
      continue
    }
    const sample = await tried(before, new Set(model.graph.initializers.map(({ name }) => name)))
    await before.release()
    const start = performance.now()
    let result = await prepareForStatic(model, onnx.readTensor)
    const done = [...result.done]
    if (options.equalize) {
      result = await equalize(result.model, onnx.readTensor)
      done.push(...result.done)
    }
    const took = performance.now() - start
    const bytes = await encode(result.model)
    if (options.save) writeFileSync(join(options.save, basename(path)), bytes)
    const apart = []
    for (const level of ['disabled', 'all']) {
      const after = await session(bytes, level)
      if (sample) {
        const found = await after.run(sample.feeds)
        apart.push(Math.max(...Object.keys(sample.wanted).map((name) => distance(sample.wanted[name], found[name]))))
      }
      await after.release()
    }
    const bad = sample !== null && !(Math.max(...apart) <= Number(options.allowed))
    if (bad) failed++
    const change = `${nodesOf(model)} -> ${nodesOf(result.model)} nodes, ${normsOf(model)} -> ${normsOf(result.model)} norms`
    const size = `${original.length} -> ${bytes.length} bytes`
    const gap =
      sample === null
        ? 'no input found, only loaded'
        : `differs by ${apart.map((one) => one.toExponential(1)).join(' / ')}`
    console.log(
      `${bad ? 'FAILED ' : ''}${path}\n  ${change}, ${size}, ${Math.round(took)} ms, ${gap}\n  ${counted(done)}`,
    )
    for (const { node, text } of result.left.filter(({ rewrite }) => rewrite !== 'equalize'))
      console.log(`  left ${node}: ${text}`)
  } catch (error) {
    failed++
    console.log(`FAILED ${path}: ${error.message}`)
  } finally {
    await source.close()
  }
}
process.exitCode = failed > 0 ? 1 : 0
