import type { Graph, Model, Node } from '../../model/graph.ts'
import { connect } from '../consumers.ts'
import { freshNames } from '../fresh-names.ts'
import { rebuild } from '../rebuild.ts'
import { isStandard, type Scope } from '../walk.ts'
import { castNode } from './narrow.ts'
import { isControl } from './owned-values.ts'
import { letterAt, signatureOf } from './signatures.ts'
import { ValueTypes } from './value-types.ts'

/**
 * The same model with every operator in f32 and every result rounded to f16, as a device without wider sums in between would hold it.
 * onnxruntime runs f16 on a CPU in f32 from operator to operator, where nothing overflows: what it answers proves nothing about a GPU.
 */
export function emulateHalf(model: Model): Model {
  const connections = connect(model)
  const types = new ValueTypes(connections)
  const fresh = freshNames(model)
  const frozen = new Set<Scope>()
  for (const scope of connections.scopes) {
    const strange = scope.body !== null || (scope.owner !== null && !isControl(scope.owner))
    if (strange || (scope.parent !== null && frozen.has(scope.parent))) frozen.add(scope)
  }
  return rebuild(
    model,
    (scope) => {
      if (frozen.has(scope)) return undefined
      let changed = false
      const nodes = scope.nodes.flatMap((node) => {
        const wide = types.computed(scope, node) === 'f16' ? emulated(node, scope, types, fresh) : [node]
        if (wide.length > 1) changed = true
        return wide
      })
      return changed ? { nodes, ...withoutTypes(scope.graph) } : undefined
    },
    connections.scopes,
  )
}

function withoutTypes(graph: Graph | null): Partial<Pick<Graph, 'values'>> {
  return graph === null ? {} : { values: graph.values }
}

/** Operators that only move elements round nothing. */
const MOVING: ReadonlySet<string> = new Set(
  (
    'Compress Concat DepthToSpace Expand Flatten Gather GatherElements GatherND Identity Pad Reshape ReverseSequence ScatterElements ' +
    'ScatterND Slice SpaceToDepth Split Squeeze Tile Transpose Trilu Unsqueeze Where'
  ).split(' '),
)

function emulated(node: Node, scope: Scope, types: ValueTypes, fresh: (base: string) => string): readonly Node[] {
  if (MOVING.has(node.op) && isStandard(node)) return [node]
  const signature = signatureOf(node)!
  const before: Node[] = []
  const after: Node[] = []
  const known = new Map<string, string>()
  const inputs = node.inputs.map((name, index) => {
    if (letterAt(signature.takes, index) !== 'T' || types.at(scope, name) !== 'f16') return name
    const wide = known.get(name) ?? fresh(`${name}/wide`)
    if (!known.has(name)) before.push(castNode(name, wide, 'f32'))
    known.set(name, wide)
    return wide
  })
  const outputs = node.outputs.map((name, index) => {
    if (name === '' || letterAt(signature.gives, index) !== 'T') return name
    const wide = fresh(`${name}/wide`)
    after.push(castNode(wide, name, 'f16'))
    return wide
  })
  return [...before, { ...node, inputs, outputs }, ...after]
}
