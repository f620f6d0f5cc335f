/**
 * ONNX conformance models made quantizable: what the tests feed as the second and later float inputs of an operator (for
 * Gather: the data) becomes a constant of the model, taken from the test's own data, in three spellings.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { readTensor, writeTensor } from '../tensor.mjs'
import { bytes, fields, int, join, message, string, stringOf } from '../wire.mjs'

const operators = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'LSTM', 'GRU', 'RNN', 'Gather'])
const passing = new Set([
  'Mul',
  'Expand',
  'Identity',
  'Transpose',
  'Reshape',
  'Cast',
  'Unsqueeze',
  'Squeeze',
  'Flatten',
])
export const spellings = ['initializer', 'constant-node', 'initializer-input']

const GRAPH = 7
const [NODE, INITIALIZER, INPUT] = [1, 5, 11]

const readNode = (list) => ({
  op: stringOf(list, 4),
  inputs: list.filter((f) => f.field === 1).map((f) => new TextDecoder().decode(f.value)),
  outputs: list.filter((f) => f.field === 2).map((f) => new TextDecoder().decode(f.value)),
})

/** Folders below `root` that hold a model.onnx. */
export const testFolders = (root) =>
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => {
      const folder = joinPath(root, entry.name)
      return existsSync(joinPath(folder, 'model.onnx')) ? [folder] : testFolders(folder)
    })

const loadFeeds = (folder, names) => {
  const data = joinPath(folder, 'test_data_set_0')
  if (!existsSync(data)) return null
  const feeds = new Map()
  for (let i = 0; existsSync(joinPath(data, `input_${i}.pb`)); i++) {
    const tensor = readTensor(readFileSync(joinPath(data, `input_${i}.pb`)))
    if (!tensor) return null
    feeds.set(names[i], { ...tensor, name: names[i] })
  }
  return feeds
}

/**
 * The test in `folder` as `{ name, ops, direct, constants, feeds, model(spelling, constants) }`, or null when none of its inputs can
 * become a weight. `constants` and `feeds` map input names to tensors; `direct` is false where shape operators lie between.
 */
export const constantModel = (folder) => {
  const model = fields(readFileSync(joinPath(folder, 'model.onnx')))
  const graphField = model.find((f) => f.field === GRAPH)
  if (!graphField) return null
  const graph = fields(graphField.value)
  const nodes = graph.filter((f) => f.field === NODE).map((f) => readNode(fields(f.value)))
  if (!nodes.some((n) => operators.has(n.op))) return null
  const inputs = graph.filter((f) => f.field === INPUT).map((f) => stringOf(fields(f.value), 1))
  const feeds = loadFeeds(folder, inputs)
  if (!feeds) return null

  const made = new Map(nodes.flatMap((n) => n.outputs.map((name) => [name, n])))
  const origin = (name, direct = true) => {
    if (feeds.has(name)) return { name, direct }
    const node = made.get(name)
    return node && passing.has(node.op) ? origin(node.inputs[0], false) : null
  }
  const weights = new Set()
  const activations = new Set()
  const ops = new Set()
  let direct = true
  for (const node of nodes) {
    if (!operators.has(node.op)) continue
    node.inputs.forEach((name, index) => {
      const from = origin(name)
      if (!from) return
      const isWeight = node.op === 'Gather' ? index === 0 : index > 0
      if (!isWeight) activations.add(from.name)
      else if (/^float(32|16)$/.test(feeds.get(from.name).type)) {
        weights.add(from.name)
        ops.add(node.op)
        direct &&= from.direct
      }
    })
  }
  const constants = new Map([...feeds].filter(([name]) => weights.has(name) && !activations.has(name)))
  if (!constants.size) return null
  const rest = new Map([...feeds].filter(([name]) => !constants.has(name)))

  const build = (spelling, tensors = constants) => {
    const extra = [...tensors.values()].map((tensor) => {
      const proto = writeTensor(tensor)
      if (spelling !== 'constant-node') return { field: INITIALIZER, wire: 2, value: proto }
      const attribute = join([string(1, 'value'), bytes(5, proto), int(20, 4)])
      const value = join([
        string(2, tensor.name),
        string(3, `${tensor.name}/const`),
        string(4, 'Constant'),
        bytes(5, attribute),
      ])
      return { field: NODE, wire: 2, value }
    })
    const kept = graph.filter(
      (f) => f.field !== INPUT || spelling === 'initializer-input' || !tensors.has(stringOf(fields(f.value), 1)),
    )
    const value = message([...extra, ...kept])
    return message(model.map((f) => (f === graphField ? { ...f, value } : f)))
  }
  const name = folder.split('/').at(-1)
  return { name, ops: [...ops], direct, constants, feeds: rest, model: build }
}
