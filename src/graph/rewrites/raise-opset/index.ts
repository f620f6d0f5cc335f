import type { Attribute, Model, Node, OpsetImport } from '../../../model/graph.ts'
import type { Refusal } from '../../../model/packing.ts'
import { constantTensor, type ReadSmall } from '../../constant-nodes.ts'
import { type Connections, connect } from '../../consumers.ts'
import { freshNames } from '../../fresh-names.ts'
import { opsetOf, sameDomain } from '../../opsets.ts'
import { rebuild } from '../../rebuild.ts'
import { isStandard, type Scope } from '../../walk.ts'
import { ancientRules } from './ancient.ts'
import { inputRules } from './attributes-to-inputs.ts'
import { axesRules } from './axes.ts'
import { normalizationRules } from './normalization.ts'
import { renamedRules } from './renamed.ts'
import { resizeRules } from './resize.ts'
import { isRefusal, newNode, type Rule, type RuleContext } from './rule.ts'
import { smallFloats } from './small-floats.ts'
import { softmaxRules } from './softmax.ts'
import { ValueFacts } from './value-facts.ts'

/** Rules know every breaking change up to here. */
const NEWEST = 26

/** Least IR version that goes with an opset, from the table of releases of the standard. */
const IR_OF_OPSET: readonly (readonly [opset: number, ir: number])[] = [
  [25, 13],
  [24, 12],
  [23, 11],
  [21, 10],
  [19, 9],
  [15, 8],
  [12, 7],
  [11, 6],
  [10, 5],
  [9, 4],
]

const RULES: ReadonlyMap<string, readonly Rule[]> = byOperator([
  ...ancientRules,
  ...axesRules,
  ...inputRules,
  ...normalizationRules,
  ...renamedRules,
  ...resizeRules,
  ...softmaxRules,
])

function byOperator(rules: readonly Rule[]): ReadonlyMap<string, readonly Rule[]> {
  const table = new Map<string, Rule[]>()
  for (const rule of rules) {
    for (const op of rule.ops)
      table.set(
        op,
        [...(table.get(op) ?? []), rule].sort((a, b) => a.since - b.since),
      )
  }
  return table
}

export interface Raised {
  readonly model: Model
  /** What was changed, for people. */
  readonly notes: readonly string[]
}

/**
 * The same model at ai.onnx `to`: every node whose operator changed its form is rewritten, in bodies and in model-local
 * functions (each from the version it imports itself). Operators without a breaking change stay as they are.
 * Refused: versions beyond 26, nodes whose meaning the new version cannot express, and operators that changed before 7.
 */
export async function raiseOpset(model: Model, to: number, readSmall: ReadSmall): Promise<Raised | Refusal> {
  const from = opsetOf(model)
  if (to > NEWEST) return { code: 'opset', text: `opset ${to} is not known; ${NEWEST} is the newest` }
  const connections = connect(model)
  const facts = new ValueFacts(model, connections)
  const fresh = freshNames(model)
  const lists = new Map<Scope, readonly Node[]>()
  const counts = new Map<string, number>()

  for (const scope of connections.scopes) {
    const version = versionOf(scope, from)
    if (version === undefined || version >= to) continue
    const nodes: Node[] = []
    let changed = false
    for (const node of scope.nodes) {
      const raised = await raiseNode(node, version, to, contextOf(scope, to, connections, facts, fresh, readSmall))
      if (!Array.isArray(raised)) return raised as Refusal
      if (raised.length !== 1 || raised[0] !== node) {
        changed = true
        counts.set(node.op, (counts.get(node.op) ?? 0) + 1)
      }
      nodes.push(...(raised as readonly Node[]))
    }
    if (changed) lists.set(scope, nodes)
  }

  const byPath = new Map([...lists].map(([scope, nodes]) => [JSON.stringify(scope.path), nodes]))
  const rebuilt = rebuild(model, (scope) => {
    const nodes = byPath.get(JSON.stringify(scope.path))
    return nodes === undefined ? undefined : { nodes }
  })
  const functions = rebuilt.functions.map((body) => {
    const opsets = imports(body.opsets, to)
    return opsets === body.opsets ? body : { ...body, opsets }
  })
  const irVersion = Math.max(model.irVersion, IR_OF_OPSET.find(([opset]) => to >= opset)?.[1] ?? 3)
  const notes = [...counts].map(([op, count]) => `${count} ${op} rewritten for opset ${to}`)
  return { model: { ...rebuilt, functions, irVersion, opsets: imports(model.opsets, to) }, notes }
}

/** Bodies follow the graph or function around them. */
function versionOf(scope: Scope, modelVersion: number | undefined): number | undefined {
  let root = scope
  while (root.parent !== null) root = root.parent
  return root.body === null ? modelVersion : (opsetOf(root.body) ?? modelVersion)
}

function imports(opsets: readonly OpsetImport[], to: number): readonly OpsetImport[] {
  const below = (item: OpsetImport): boolean => sameDomain(item.domain, '') && item.version < to
  return opsets.some(below) ? opsets.map((item) => (below(item) ? { ...item, version: to } : item)) : opsets
}

/** Applies the rules of the node and of what they make, version by version. */
async function raiseNode(
  node: Node,
  from: number,
  to: number,
  context: RuleContext,
): Promise<readonly Node[] | Refusal> {
  if (!isStandard(node) || !RULES.has(node.op)) return [node]
  let nodes: readonly Node[] = [node]
  for (let version = from + 1; version <= to; version++) {
    const next: Node[] = []
    for (const item of nodes) {
      const rule = isStandard(item) ? RULES.get(item.op)?.find((candidate) => candidate.since === version) : undefined
      const result = rule === undefined ? [item] : await rule.apply(item, context)
      if (isRefusal(result)) return result
      next.push(...result)
    }
    nodes = next
  }
  return nodes
}

function contextOf(
  scope: Scope,
  to: number,
  connections: Connections,
  facts: ValueFacts,
  fresh: (base: string) => string,
  readSmall: ReadSmall,
): RuleContext {
  const made = new Map<string, Node>()
  const tensorOf = (name: string) => {
    const node = made.get(name)
    const attribute = node?.attributes[0]
    if (attribute?.kind === 'tensor') return attribute.value
    const definition = connections.resolve(scope, name)
    return definition === undefined || definition.alsoInput ? null : constantTensor(definition)
  }
  const constantNode = (base: string, attribute: Attribute): { readonly name: string; readonly node: Node } => {
    const name = fresh(base)
    const node = newNode('Constant', [], [name], [attribute])
    made.set(name, node)
    return { name, node }
  }
  return {
    to,
    fresh,
    async floats(name) {
      const tensor = tensorOf(name)
      return tensor === null ? null : smallFloats(tensor, readSmall)
    },
    rank: (name) => facts.rank(scope, name),
    floatType: (name) => facts.floatType(scope, name),
    isUsed: (name) => facts.isUsed(scope, name),
    constant: (base, tensor) => constantNode(base, { name: 'value', kind: 'tensor', value: { ...tensor, name: '' } }),
    constantFrom: (base, name, reference) => constantNode(base, { name, kind: 'ref', value: reference }),
  }
}
