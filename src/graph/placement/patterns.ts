import type { FloatCode } from '../../model/activation.ts'
import type { Node } from '../../model/graph.ts'
import { isStandard } from '../walk.ts'
import type { Site } from './site.ts'

type Found = { readonly code: FloatCode; readonly text: string }

/** Steps between a product and what tells its purpose. */
const HOPS = 4

const MOVES = new Set([
  'Slice',
  'Split',
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Gather',
  'Flatten',
  'Identity',
])

/** Weights of an expectation are the positions 0 .. n of a distribution; nets have no layer as small as this behind a softmax. */
const FEW_WEIGHTS = 256

/** Products that rounding would ruin, told by what stands around them. */
export function patternOf(node: Node, site: Site): Found | null {
  return expectation(node, site) ?? frontEnd(node, site)
}

/** softmax, then a product with a few constants: the mean of a distribution, as box edges are decoded. */
function expectation(node: Node, site: Site): Found | null {
  const weight = node.inputs.map((name) => site.constant(name)).find((tensor) => tensor !== null)
  if (!weight || weight.shape.reduce((a, b) => a * b, 1) > FEW_WEIGHTS) return null
  for (const name of node.inputs) {
    let at = site.producer(name)
    for (let hop = 0; at !== null && hop < HOPS && isStandard(at); hop++) {
      if (at.op === 'Softmax') return { code: 'expectation', text: 'the mean over the probabilities of a softmax' }
      if (!MOVES.has(at.op)) break
      at = site.producer(at.inputs[0] ?? '')
    }
  }
  return null
}

/** A product whose result is squared, as the transform of a spectrum: the range of squares and logarithms exceeds any 8 bits. */
function frontEnd(node: Node, site: Site): Found | null {
  let names = [node.outputs[0] ?? '']
  for (let hop = 0; hop < HOPS && names.length > 0; hop++) {
    const next: string[] = []
    for (const name of names) {
      for (const reader of site.readers(name)) {
        if (!isStandard(reader)) continue
        if (squares(reader, name) && becomesSpectrum(reader, site)) {
          return { code: 'front-end', text: 'its result is squared and summed to a spectrum' }
        }
        if (MOVES.has(reader.op)) next.push(...reader.outputs)
      }
    }
    names = next.filter((name) => name !== '')
  }
  return null
}

function squares(node: Node, name: string): boolean {
  if (node.op === 'Pow' || node.op === 'ReduceSumSquare' || node.op === 'ReduceL2') return node.inputs[0] === name
  return node.op === 'Mul' && node.inputs[0] === name && node.inputs[1] === name
}

function becomesSpectrum(square: Node, site: Site): boolean {
  if (square.op === 'ReduceSumSquare' || square.op === 'ReduceL2') return true
  let names = [...square.outputs]
  for (let hop = 0; hop < HOPS; hop++) {
    const readers = names.flatMap((name) => site.readers(name))
    if (readers.some((reader) => reader.op === 'Sqrt' || reader.op === 'Log')) return true
    if (readers.some((reader) => reader.op === 'MatMul' || reader.op === 'Conv')) return square.op === 'Pow'
    names = readers.filter((reader) => reader.op === 'Add' || MOVES.has(reader.op)).flatMap((reader) => reader.outputs)
  }
  return false
}
