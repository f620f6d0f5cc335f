import type { FloatCode, FloatNode } from '../../model/activation.ts'
import type { Node } from '../../model/graph.ts'
import type { Target } from '../../model/target.ts'
import { intAttribute } from '../attributes.ts'
import { isConstantNode } from '../constant-nodes.ts'
import { normsOf } from '../norms.ts'
import { isStandard } from '../walk.ts'
import type { Flow } from './flow.ts'
import { joinsBoxesAndScores } from './patterns.ts'
import type { Candidate } from './products.ts'
import type { Site } from './site.ts'

const RECURRENT = new Set(['LSTM', 'GRU', 'RNN'])
const NORMS = new Set([
  'LayerNormalization',
  'InstanceNormalization',
  'BatchNormalization',
  'GroupNormalization',
  'LRN',
])
const SCORES = new Set(['Softmax', 'LogSoftmax'])

/** Nodes on integers and shapes: nothing to round, not worth a line. */
const SHAPES = new Set([
  'Shape',
  'Size',
  'Constant',
  'ConstantOfShape',
  'Range',
  'NonZero',
  'NonMaxSuppression',
  'TopK',
])

/** Everything that stays float, with the reason; nodes on integer tensors are not listed. */
export function floatNodes(
  site: Site,
  candidates: ReadonlyMap<Node, Candidate>,
  flow: Flow,
  rounded: ReadonlySet<string>,
  recurrent: ReadonlySet<Node>,
): readonly FloatNode[] {
  const norms = new Set(normsOf(site.connections).flatMap((norm) => norm.nodes))
  const before = productsBehind(site, candidates)
  const joined = new Set([...candidates.values()].map(({ biasNode }) => biasNode?.node))
  const found: FloatNode[] = []
  for (const node of site.nodes) {
    const candidate = candidates.get(node)
    if (flow.steps.has(node) || joined.has(node) || isConstantNode(node) || SHAPES.has(node.op)) continue
    if (candidate !== undefined) {
      if (candidate.float !== null) found.push({ node, label: site.label(node), ...candidate.float })
      continue
    }
    if (recurrent.has(node) || onlyMoves(node)) continue
    if ((node.op === 'Relu' || node.op === 'Clip') && rounded.has(node.outputs[0] ?? '')) continue
    const [code, text] = joinsBoxesAndScores(node, site)
      ? (['head', 'boxes and scores joined: no grid of 8 bits fits both'] as const)
      : reasonFor(node, norms, before)
    found.push({ node, label: site.label(node), code, text })
  }
  for (const scope of site.connections.scopes) {
    if (scope === site.scope) continue
    for (const node of scope.nodes) {
      if (!isStandard(node) || !(node.op === 'Conv' || node.op === 'Gemm' || node.op === 'MatMul')) continue
      found.push({
        node,
        label: node.name || node.op,
        code: 'body',
        text: 'inside the body of If, Loop, Scan or a function',
      })
    }
  }
  return found
}

/** LSTMs that become an integer operator with ranges of run time when their weights are codes. */
export function dynamicLstms(site: Site, target: Target): readonly Node[] {
  if (!target.dynamicQuantizeLstm) return []
  return site.nodes.filter((node) => {
    if (!isStandard(node) || node.op !== 'LSTM' || intAttribute(node, 'layout', 0) !== 0) return false
    return node.inputs.slice(1, 3).every((name) => site.constant(name)?.dtype === 'f32')
  })
}

/** Operators that only move elements cost nothing in float. */
function onlyMoves(node: Node): boolean {
  return (
    isStandard(node) &&
    ['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Cast'].includes(node.op)
  )
}

function reasonFor(node: Node, norms: ReadonlySet<Node>, before: ReadonlySet<Node>): readonly [FloatCode, string] {
  if (RECURRENT.has(node.op)) return ['recurrent', `no integer kernel for ${node.op}; its weights are stored`]
  if (norms.has(node) || NORMS.has(node.op)) return ['norm', 'normalisation keeps its statistics in float']
  if (!before.has(node)) return ['head', 'nothing behind it multiplies in integers']
  if (SCORES.has(node.op)) return ['attention', 'scores and probabilities keep their range in float']
  if (['Add', 'Mul', 'Concat'].includes(node.op)) return ['mixed', 'one of its inputs is float']
  return ['no-kernel', `no integer kernel for ${node.op} is used`]
}

/** Nodes with an integer product somewhere behind them. */
function productsBehind(site: Site, candidates: ReadonlyMap<Node, Candidate>): ReadonlySet<Node> {
  const names = new Set<string>()
  const nodes = new Set<Node>()
  for (const node of site.nodes.toReversed()) {
    const reaches = node.outputs.some((name) => names.has(name))
    if (reaches) nodes.add(node)
    if (reaches || candidates.get(node)?.float === null) for (const name of node.inputs) names.add(name)
  }
  return nodes
}
