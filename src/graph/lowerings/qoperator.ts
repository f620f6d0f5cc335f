import type { Model, Node } from '../../model/graph.ts'
import { intAttribute } from '../attributes.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import { applyEdits } from '../edit.ts'
import { freshNames } from '../fresh-names.ts'
import { boundsOfNode, UNBOUNDED } from '../placement/bounds.ts'
import { CODES } from '../placement/grid.ts'
import { Site } from '../placement/site.ts'
import { removeDead } from '../remove-dead.ts'
import { isStandard } from '../walk.ts'
import { MICROSOFT, MICROSOFT_OPSET } from './make.ts'
import { type Between, type CodedName, dataInputs, qoperatorForm } from './qoperator-forms.ts'

/** A node on rounded values that keeps its pairs, and why. */
export interface LeftAsPairs {
  readonly label: string
  readonly op: string
  readonly why: string
}

export interface QOperatorModel {
  readonly model: Model
  readonly left: readonly LeftAsPairs[]
}

/** Where a value is quantized. */
interface Quantized {
  readonly name: CodedName
  readonly quantize: Node
  /** Relu and Clip in front of it, which its grid makes needless. */
  readonly absorbed: readonly Node[]
  /** What moves elements in front of it, and can move codes. */
  readonly moves: readonly Node[]
}

/** Behind what onnxruntime looks for a QuantizeLinear (its propagation), so that the same products give codes. */
const MOVES = new Set(['MaxPool', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Slice'])

/** By how much a grid may pass a bound, as onnxruntime takes it. */
const SLACK = 1.2e-7

/**
 * DequantizeLinear, operator, QuantizeLinear of the main graph as one operator on codes (QLinearConv and its kin): the form in which
 * onnxruntime runs pairs that it fuses, written out. For runtimes that do not fuse, and files whose graph is what runs. Operators
 * that only move elements do so with codes. What is read or given in float keeps its pairs and is listed.
 */
export async function toQOperators(model: Model, readSmall: ReadSmall): Promise<QOperatorModel> {
  const site = await Site.of(model, readSmall, new Map())
  const fresh = freshNames(model)
  const left: LeftAsPairs[] = []
  const replace = new Map<Node, readonly Node[]>()
  for (const node of site.nodes) {
    const form = isStandard(node) ? qoperatorForm(node) : null
    if (form === null) continue
    const inputs = dataInputs(node).map((index) => dequantized(site, node.inputs[index] ?? ''))
    if (inputs.every((input) => input === null)) continue
    const found: (CodesBehind | null)[] = []
    for (const name of node.outputs) found.push(withMoves(await quantizedBehind(site, name), fresh))
    const between: Between = {
      node,
      inputs,
      outputs: found.map((one) => one?.name ?? null),
      bias: biasOf(site, node),
    }
    const made = form(between)
    if (typeof made === 'string') {
      left.push({ label: site.label(node), op: node.op, why: made })
      continue
    }
    // Where the grid of the result is known, which may be made after the node.
    const [last, ...others] = found.flatMap((one) => one?.quantize ?? []).toReversed()
    const passed = found.flatMap((one) => (one === null ? [] : [...one.absorbed, ...one.moves]))
    for (const one of [node, ...others, ...passed]) replace.set(one, [])
    replace.set(last ?? node, [made, ...found.flatMap((one) => one?.moved ?? [])])
  }
  if (replace.size === 0) return { model, left }
  for (const node of site.nodes) if (isUnread(node, site, replace)) replace.set(node, [])
  const added = [...replace.values()].flat()
  const opsets = added.some(({ domain }) => domain === MICROSOFT) ? { opsets: [MICROSOFT_OPSET] } : {}
  return { model: removeDead(applyEdits(model, [{ scope: [], replace, ...opsets }])), left }
}

/** The value's own codes, and the nodes that move them to where they were quantized. */
interface CodesBehind extends Quantized {
  readonly moved: readonly Node[]
}

function withMoves(found: Quantized | null, fresh: (base: string) => string): CodesBehind | null {
  if (found === null) return null
  const { name, moves } = found
  if (moves.length === 0) return { ...found, moved: [] }
  const codes = [...moves.map((move) => fresh(`${move.inputs[0]}/codes`)), name.codes]
  const moved = moves.map((move, at) => ({
    ...move,
    inputs: move.inputs.with(0, codes[at] as string),
    outputs: [codes[at + 1] as string],
  }))
  return { ...found, name: { ...name, codes: codes[0] as string }, moved }
}

/** The codes behind a value that a DequantizeLinear gives. */
function dequantized(site: Site, name: string): CodedName | null {
  const node = site.producer(name)
  if (node?.op !== 'DequantizeLinear' || !isStandard(node)) return null
  return codedName(site, node, node.inputs[0] ?? '')
}

function codedName(site: Site, node: Node, codes: string): CodedName | null {
  const [, scale = '', zero = ''] = node.inputs
  if (scale === '' || zero === '' || intAttribute(node, 'block_size', 0) !== 0) return null
  const shape = site.constant(scale)?.shape
  const scales = shape?.reduce((a, b) => a * b, 1) ?? null
  return { codes, scale, zero, axis: intAttribute(node, 'axis', 1), scales }
}

/** The one QuantizeLinear behind a value, through Relu and Clip that its grid makes needless and what moves elements. */
async function quantizedBehind(site: Site, name: string): Promise<Quantized | null> {
  const absorbed: Node[] = []
  const moves: Node[] = []
  for (let at = name; ; ) {
    const reader = site.onlyReader(at)
    if (reader === null || !isStandard(reader)) return null
    if (reader.op === 'QuantizeLinear') {
      const found = codedName(site, reader, reader.outputs[0] ?? '')
      if (found === null || found.scales !== 1) return null
      for (const node of absorbed) if (!(await isNeedless(node, found, site))) return null
      return { name: found, quantize: reader, absorbed, moves }
    }
    if (reader.op === 'Relu' || reader.op === 'Clip') absorbed.push(reader)
    else if (MOVES.has(reader.op) && reader.inputs[0] === at && reader.outputs.length === 1) moves.push(reader)
    else return null
    at = reader.outputs[0] ?? ''
  }
}

async function isNeedless(node: Node, { scale, zero }: CodedName, site: Site): Promise<boolean> {
  const step = await site.scalar(scale)
  const type = site.constant(zero)?.dtype
  const code = await site.code(zero)
  if (step === null || code === null || (type !== 'u8' && type !== 'i8')) return false
  const { min, max } = await boundsOfNode(node, () => UNBOUNDED, site)
  const least = Math.fround((CODES[type].min - code) * step)
  const most = Math.fround((CODES[type].max - code) * step)
  return least >= min - SLACK && most <= max + SLACK
}

/** int32 codes of a bias; '' without one, null for floats. */
function biasOf(site: Site, { op, inputs }: Node): string | null {
  const name = (op === 'Conv' || op === 'Gemm') && inputs[2] ? inputs[2] : ''
  if (name === '') return ''
  const node = site.producer(name)
  if (node?.op !== 'DequantizeLinear' || !isStandard(node)) return null
  const codes = node.inputs[0] ?? ''
  return site.constant(codes)?.dtype === 'i32' ? codes : null
}

/** A DequantizeLinear that nothing reads that is still there. */
function isUnread(node: Node, site: Site, replaced: ReadonlyMap<Node, readonly Node[]>): boolean {
  if (node.op !== 'DequantizeLinear' || !isStandard(node)) return false
  const definition = site.definition(node.outputs[0] ?? '')
  if (definition === undefined || definition.outputOf.length > 0) return false
  return definition.uses.every((use) => use.scope === site.scope && replaced.has(use.node))
}
