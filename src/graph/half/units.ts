import type { Node } from '../../model/graph.ts'
import { constantTensor } from '../constant-nodes.ts'
import type { Connections, Definition } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'

/** Sums over which squares are taken together. */
const SUMS: ReadonlySet<string> = new Set([
  'ReduceMean',
  'ReduceSum',
  'GlobalAveragePool',
  'ReduceSumSquare',
  'ReduceL2',
])
/** Between the sum and the root: a small constant, a count, a bound. */
const BETWEEN: ReadonlySet<string> = new Set([
  'Add',
  'Sub',
  'Max',
  'Clip',
  'Mul',
  'Div',
  'Cast',
  'Unsqueeze',
  'Squeeze',
  'Reshape',
  'Expand',
])
const MOST_STEPS = 8

/**
 * Normalisations that are written out (LayerNorm, RMSNorm, division by a length), each as the nodes that belong together: the mean that
 * is taken off, squares, their sum, the small constant, the root, and the division. Scale and shift after it are not among them.
 */
export function normUnits(scope: Scope, connections: Connections): readonly (readonly Node[])[] {
  const units: Node[][] = []
  for (const node of scope.nodes) {
    if (!isStandard(node) || !isRoot(node, scope, connections)) continue
    const unit = new Set<Node>([node])
    const found =
      node.op === 'ReduceL2' ||
      (node.op === 'Sqrt' || node.op === 'Pow' ? backwards(node, scope, connections, unit) : false)
    if (!found) continue
    forwards(node, scope, connections, unit)
    units.push([...unit])
  }
  return units
}

function isRoot(node: Node, scope: Scope, connections: Connections): boolean {
  if (node.op === 'Sqrt' || node.op === 'ReduceL2') return true
  if (node.op !== 'Pow') return false
  const exponent = connections.resolve(scope, node.inputs[1] ?? '')
  return exponent !== undefined && constantTensor(exponent) !== null
}

/** From the root to the squares; true when a sum was met. */
function backwards(root: Node, scope: Scope, connections: Connections, unit: Set<Node>): boolean {
  let at: Node | null = makerOf(root.inputs[0], scope, connections)
  for (let step = 0; at !== null && step < MOST_STEPS; step++) {
    if (!isStandard(at)) return false
    if (SUMS.has(at.op)) {
      unit.add(at)
      squares(at, scope, connections, unit)
      return true
    }
    if (!BETWEEN.has(at.op)) return false
    unit.add(at)
    const open = at.inputs.find((name) => !isConstant(name, scope, connections))
    at = makerOf(open, scope, connections)
  }
  return false
}

function squares(sum: Node, scope: Scope, connections: Connections, unit: Set<Node>): void {
  if (sum.op === 'ReduceSumSquare' || sum.op === 'ReduceL2') {
    centred(sum.inputs[0], scope, connections, unit)
    return
  }
  const square = makerOf(sum.inputs[0], scope, connections)
  if (square === null || !isStandard(square)) return
  const isSquare = square.op === 'Pow' || (square.op === 'Mul' && square.inputs[0] === square.inputs[1])
  if (!isSquare) return
  unit.add(square)
  centred(square.inputs[0], scope, connections, unit)
}

/** x - mean(x). */
function centred(name: string | undefined, scope: Scope, connections: Connections, unit: Set<Node>): void {
  const difference = makerOf(name, scope, connections)
  if (difference === null || difference.op !== 'Sub' || !isStandard(difference)) return
  const mean = makerOf(difference.inputs[1], scope, connections)
  if (mean === null || (mean.op !== 'ReduceMean' && mean.op !== 'GlobalAveragePool')) return
  unit.add(difference)
  unit.add(mean)
}

/** From the root to the division, through bounds, Reciprocal and Expand. */
function forwards(root: Node, scope: Scope, connections: Connections, unit: Set<Node>): void {
  const queue: Node[] = [root]
  for (let at = queue.pop(); at !== undefined && unit.size < 64; at = queue.pop()) {
    for (const output of at.outputs) {
      for (const use of connections.own(scope).get(output)?.uses ?? []) {
        const { node } = use
        if (use.scope !== scope || unit.has(node) || !isStandard(node)) continue
        const inverts =
          node.op === 'Reciprocal' || (node.op === 'Div' && isConstant(node.inputs[0], scope, connections))
        const passes = BETWEEN.has(node.op) && node.op !== 'Mul' && node.op !== 'Div'
        const ends = (node.op === 'Div' && use.inputIndex === 1) || (node.op === 'Mul' && isInverse(at))
        if (!inverts && !passes && !ends) continue
        unit.add(node)
        if (inverts || passes) queue.push(node)
        else sameDifference(node, scope, connections, unit)
      }
    }
  }
}

function isInverse(node: Node): boolean {
  return node.op === 'Reciprocal' || node.op === 'Div' || node.op === 'Pow'
}

/** Some exporters compute x - mean(x) twice. */
function sameDifference(node: Node, scope: Scope, connections: Connections, unit: Set<Node>): void {
  for (const name of node.inputs) {
    const maker = makerOf(name, scope, connections)
    if (maker?.op !== 'Sub' || unit.has(maker)) continue
    const mean = makerOf(maker.inputs[1], scope, connections)
    if (mean !== null && unit.has(mean)) unit.add(maker)
  }
}

function makerOf(name: string | undefined, scope: Scope, connections: Connections): Node | null {
  const definition = define(name, scope, connections)
  return definition?.scope === scope ? definition.node : null
}

function isConstant(name: string | undefined, scope: Scope, connections: Connections): boolean {
  const definition = define(name, scope, connections)
  return definition !== undefined && constantTensor(definition) !== null
}

function define(name: string | undefined, scope: Scope, connections: Connections): Definition | undefined {
  return name === undefined || name === '' ? undefined : connections.resolve(scope, name)
}
