import type { FloatCode } from '../../model/activation.ts'
import type { Node } from '../../model/graph.ts'
import { isStandard } from '../walk.ts'
import type { Site } from './site.ts'

/** Stays float, or runs with the precision that it needs. */
type Found =
  | { readonly code: FloatCode; readonly text: string }
  | { readonly form: 'dynamic-wide'; readonly text: string }

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

/** What is between energies and their logarithm: a least value, a factor. */
const FLOORS = new Set(['Add', 'Max', 'Clip', 'Mul', 'Div'])
const PROBABILITIES = new Set(['Sigmoid', 'HardSigmoid', 'Softmax'])
const ARITHMETIC = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow'])

/** Weights of an expectation are the positions 0 .. n of a distribution; nets have no layer as small as this behind a softmax. */
const FEW_WEIGHTS = 256

/** Products that rounding to 8 bits would ruin, told by what stands around them. */
export function patternOf(node: Node, site: Site): Found | null {
  return expectation(node, site) ?? boxMatrix(node, site) ?? frontEnd(node, site) ?? logarithm(node, site)
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

/**
 * Boxes times a matrix of at most 4 x 4, as centre and size become corners inside the graph: coordinates go to the width of the
 * picture, and half a step of 8 bits is a pixel or more. Only behind box arithmetic, with no other product behind it.
 */
function boxMatrix(node: Node, site: Site): Found | null {
  const weight = site.constant(node.inputs[1] ?? '')
  if (node.op === 'Conv' || !weight || weight.shape.length !== 2 || weight.shape.some((size) => size > 4)) return null
  const isBoxes = sourcesOf(node.inputs[0] ?? '', site).some((source) => isBoxArithmetic(source, site))
  return isBoxes ? { code: 'head', text: 'turns box coordinates into others' } : null
}

/**
 * A product whose result becomes a logarithm: energies of bands, over more powers of ten than codes have. With 16 bits the logarithms
 * of quiet bands kept 2 dB of a log-mel front end.
 */
function logarithm(node: Node, site: Site): Found | null {
  let names = node.outputs.filter((name) => name !== '')
  for (let hop = 0; hop < HOPS && names.length > 0; hop++) {
    const readers = names.flatMap((name) => site.readers(name)).filter(isStandard)
    if (readers.some(({ op }) => op === 'Log')) {
      return { code: 'front-end', text: 'its result becomes a logarithm' }
    }
    const passing = readers.filter(({ op }) => FLOORS.has(op) || MOVES.has(op))
    names = passing.flatMap(({ outputs }) => outputs).filter((name) => name !== '')
  }
  return null
}

/**
 * A Concat of probabilities with box arithmetic, the last node of many detectors: one grid over pixels and over 0 to 1 would leave
 * the probabilities two or three codes. It stays float, wherever its result goes.
 */
export function joinsBoxesAndScores(node: Node, site: Site): boolean {
  if (!isStandard(node) || node.op !== 'Concat') return false
  let [scores, boxes] = [false, false]
  for (const name of node.inputs) {
    const sources = sourcesOf(name, site)
    if (sources.some(({ op }) => PROBABILITIES.has(op))) scores = true
    else if (sources.some((source) => isBoxArithmetic(source, site))) boxes = true
  }
  return scores && boxes
}

/** What computes a value, looked for through what moves and joins elements. */
function sourcesOf(name: string, site: Site): readonly Node[] {
  const found: Node[] = []
  let names = [name]
  for (let hop = 0; hop <= HOPS && names.length > 0; hop++) {
    const makers = names.flatMap((one) => site.producer(one) ?? []).filter(isStandard)
    found.push(...makers.filter(({ op }) => !MOVES.has(op) && op !== 'Concat'))
    const passing = makers.filter(({ op }) => MOVES.has(op) || op === 'Concat')
    names = passing.flatMap(({ op, inputs }) => (op === 'Concat' ? inputs : inputs.slice(0, 1)))
  }
  return found
}

/** A step of decoding: by strides, anchors, cells or priors, which are constants, or the exponential of a size. */
function isBoxArithmetic({ op, inputs }: Node, site: Site): boolean {
  if (op === 'Exp') return true
  return ARITHMETIC.has(op) && inputs.some((name) => site.constant(name) !== null)
}

/**
 * A product whose result is squared, as the transform of a spectrum. It reads a signal, mostly as it was recorded: one of any loudness,
 * and half of the multiply-adds of a small net. 8 bits of it kept 18 dB of a log-mel front end, 16 bits all that weights of 8 bits do.
 */
function frontEnd(node: Node, site: Site): Found | null {
  let names = [node.outputs[0] ?? '']
  for (let hop = 0; hop < HOPS && names.length > 0; hop++) {
    const next: string[] = []
    for (const name of names) {
      for (const reader of site.readers(name)) {
        if (!isStandard(reader)) continue
        if (squares(reader, name) && becomesSpectrum(reader, site)) {
          return { form: 'dynamic-wide', text: 'its result is squared and summed to a spectrum' }
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
