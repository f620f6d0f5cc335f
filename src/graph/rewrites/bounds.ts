import type { Attribute, Model, Node } from '../../model/graph.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import { opsetOf } from '../opsets.ts'
import { isStandard, type Scope } from '../walk.ts'
import { clipBounds, type ValueRange } from './clips.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { KnownValues } from './known-values.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** A node that keeps values between two bounds. */
interface Bounding extends ValueRange {
  readonly data: string
}

/** Clip takes its bounds as inputs from here on. */
const BOUNDS_AS_INPUTS = 11
const LEAST_OPSET = 6

/**
 * Max and Min with one float32 number become Relu or Clip, and bounding nodes in a row become one: `Min(Max(x, 0), 6)` is a Clip. Those are
 * absorbed into the codes behind them, Max and Min have no integer kernel.
 */
export async function mergeBounds(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const revision = new Revision(model, 'bounds')
  const opset = opsetOf(model) ?? 0
  if (opset < LEAST_OPSET) return revision.finish()
  const { connections } = revision
  const known = await KnownValues.of(model, connections, read)
  for (const scope of revision.scopes) {
    // From behind, so that a node meets the one before it as it was.
    for (const node of scope.nodes.toReversed()) {
      const own = await boundingOf(node, scope)
      if (own === null || revision.isTouched(node)) continue
      const before = connections.own(scope).get(own.data)
      const isOnly = before?.uses.length === 1 && before.outputOf.length === 0
      const first = isOnly && before.node && !revision.isTouched(before.node) ? before.node : null
      const inner = first === null ? null : await boundingOf(first, scope)
      if (inner === null && node.op !== 'Max' && node.op !== 'Min') continue
      const clamp = (value: number): number => Math.min(Math.max(value, own.least), own.most)
      const bounds = inner === null ? own : { data: inner.data, least: clamp(inner.least), most: clamp(inner.most) }
      revision.replace(node, [bounded(node, scope, bounds)])
      if (inner !== null && first !== null) revision.replace(first, [])
      const what = inner === null ? node.op : `${first?.op} and ${node.op}`
      revision.done(scope, node, `${what} with a number written as bounds`)
    }
  }
  return revision.finish()

  async function boundingOf(node: Node, scope: Scope): Promise<Bounding | null> {
    if (!isStandard(node) || (node.outputs[0] ?? '') === '') return null
    const [data = '', second = ''] = node.inputs
    if (known.dtype(scope, data) !== 'f32' && known.dtype(scope, second) !== 'f32') return null
    if (node.op === 'Relu') return { data, least: 0, most: Number.POSITIVE_INFINITY }
    if (node.op === 'Clip') {
      const bounds = await clipBounds(node, scope, connections, read)
      return bounds !== null && bounds.least <= bounds.most ? { data, ...bounds } : null
    }
    if ((node.op !== 'Max' && node.op !== 'Min') || node.inputs.length !== 2) return null
    for (const [value, number] of [
      [data, second],
      [second, data],
    ] as const) {
      const bound = await numberOf(number, value, scope)
      if (bound === null || Number.isNaN(bound)) continue
      return node.op === 'Max'
        ? { data: value, least: bound, most: Number.POSITIVE_INFINITY }
        : { data: value, least: Number.NEGATIVE_INFINITY, most: bound }
    }
    return null
  }

  /** One float32 that does not give the result more axes. */
  async function numberOf(name: string, beside: string, scope: Scope): Promise<number | null> {
    const definition = connections.resolve(scope, name)
    const tensor = definition === undefined || definition.alsoInput ? null : constantTensor(definition)
    if (tensor?.dtype !== 'f32' || tensor.shape.some((size) => size !== 1)) return null
    if (tensor.shape.length > (known.rank(scope, beside) ?? 0)) return null
    return (await readFloats(tensor, read))?.[0] ?? null
  }

  function bounded(node: Node, scope: Scope, { data, least, most }: Bounding): Node {
    const { name, outputs } = node
    const plain = { name, domain: '', outputs, attributes: [] as Attribute[] }
    const isOpen = most === Number.POSITIVE_INFINITY
    if (least === 0 && isOpen) return { ...plain, op: 'Relu', inputs: [data] }
    const hasLeast = least !== Number.NEGATIVE_INFINITY
    if (opset < BOUNDS_AS_INPUTS) {
      const attributes: Attribute[] = [
        ...(hasLeast ? [{ name: 'min', kind: 'float' as const, value: least }] : []),
        ...(isOpen ? [] : [{ name: 'max', kind: 'float' as const, value: most }]),
      ]
      return { ...plain, op: 'Clip', inputs: [data], attributes }
    }
    const scalar = (what: string, value: number): string => {
      const fresh = revision.fresh(`${outputs[0]}/${what}`)
      revision.add(scope, floatConstant(fresh, 'f32', [], [value]))
      return fresh
    }
    const inputs = [data, hasLeast ? scalar('min', least) : '', ...(isOpen ? [] : [scalar('max', most)])]
    return { ...plain, op: 'Clip', inputs }
  }
}
