/**
 * Synthetic models for the speed benches, made into bench/models (git-ignored) and kept there.
 *
 *     node bench/models.mjs [NAME...]
 *
 * dense-512      512 MiB in one file, MatMul [K,N] + Add, dense normal weights, K and N of 2048 and 4096
 * external-2560  2.5 GiB in a data file, 40 x MatMul 4096 x 4096 + Add
 * holes-5120     5 GiB in a data file with holes: 4 MiB of each tensor are written, the rest reads as zero
 * decoder-24     4.2 GB in a data file with holes: a language model of 24 layers of 1792 (attention, gated MLP, RMSNorm), 32,000 words
 * decoder-8      1.7 GB in a data file: the same of 8 layers of 2048, 4096 words
 * decoder-tiny   the same of 3 layers of 128, 256 words
 * decoder        128 MiB, four layers of 1024 x 4096 and back with a residual: speed of the result at decode
 */
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { languageDecoder } from './language-decoder.mjs'
import { gaussianPool, node, writeModel } from './onnx-writer.mjs'

const folder = fileURLToPath(new URL('./models/', import.meta.url))

/** A chain x @ W + b through the given widths. */
const chain = (widths) => {
  const nodes = []
  const tensors = []
  let x = 'x'
  for (let i = 0; i + 1 < widths.length; i++) {
    const [rows, columns] = [widths[i], widths[i + 1]]
    const y = i + 2 === widths.length ? 'y' : `h${i}`
    nodes.push(node('MatMul', [x, `w${i}`], [`p${i}`]), node('Add', [`p${i}`, `b${i}`], [y]))
    tensors.push({ name: `w${i}`, dims: [rows, columns], deviation: 1 / Math.sqrt(rows) })
    tensors.push({ name: `b${i}`, dims: [columns], deviation: 0.1 })
    x = y
  }
  return { nodes, tensors, inputs: [['x', ['N', widths[0]]]], outputs: [['y', ['N', widths.at(-1)]]] }
}

const decoder = (layers, width, inner) => {
  const nodes = []
  const tensors = []
  let x = 'x'
  for (let i = 0; i < layers; i++) {
    const y = i + 1 === layers ? 'y' : `x${i}`
    nodes.push(
      node('MatMul', [x, `up${i}`], [`u${i}`]),
      node('Sigmoid', [`u${i}`], [`s${i}`]),
      node('Mul', [`u${i}`, `s${i}`], [`g${i}`]),
      node('MatMul', [`g${i}`, `down${i}`], [`d${i}`]),
      node('Add', [x, `d${i}`], [y]),
    )
    tensors.push({ name: `up${i}`, dims: [width, inner], deviation: 1 / Math.sqrt(width) })
    tensors.push({ name: `down${i}`, dims: [inner, width], deviation: 1 / Math.sqrt(inner) })
    x = y
  }
  const shape = ['N', 'S', width]
  return { nodes, tensors, inputs: [['x', shape]], outputs: [['y', shape]] }
}

const wide = [2048, 2048, 2048, 2048, 2048, 2048, 2048, 2048, 2048]
const recipes = {
  'dense-512': () => chain([...wide, 4096, 4096, 4096, 4096, 4096, 2048, 4096, 2048]),
  'external-2560': () => ({ ...chain(Array(41).fill(4096)), external: true }),
  'holes-5120': () => ({ ...chain(Array(81).fill(4096)), external: true, holes: true }),
  decoder: () => decoder(4, 1024, 4096),
  'decoder-24': () => ({
    ...languageDecoder({ layers: 24, width: 1792, heads: 14, inner: 4864, words: 32_000 }),
    external: true,
    holes: true,
  }),
  'decoder-8': () => ({
    ...languageDecoder({ layers: 8, width: 2048, heads: 16, inner: 5632, words: 4096 }),
    external: true,
  }),
  'decoder-tiny': () => ({
    ...languageDecoder({ layers: 3, width: 128, heads: 4, inner: 352, words: 256 }),
    external: true,
  }),
}

export const modelNames = Object.keys(recipes)

/** Path of the model, made first if it is not there. */
export const ensureModel = (name) => {
  const path = join(folder, `${name}.onnx`)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  const recipe = recipes[name]()
  // The data file is named inside the model, so only the model itself can be staged under another name.
  const staged = recipe.external ? path : `${path}.part`
  writeModel(staged, { ...recipe, fill: gaussianPool(1 + modelNames.indexOf(name)) })
  if (staged !== path) renameSync(staged, path)
  return path
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2)
  for (const name of wanted.length ? wanted : modelNames) {
    if (!recipes[name]) throw new Error(`no model "${name}"; there are ${modelNames.join(', ')}`)
    const path = ensureModel(name)
    const data = existsSync(`${path}.data`) ? statSync(`${path}.data`).size : 0
    console.log(`${path} ${statSync(path).size + data} bytes`)
  }
}
