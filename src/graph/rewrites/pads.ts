import type { Attribute, Model, Node } from '../../model/graph.ts'
import { attributeOf, intAttribute, intsAttribute, stringAttribute } from '../attributes.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import type { Use } from '../consumers.ts'
import { leastValue } from '../least.ts'
import { opsetOf } from '../opsets.ts'
import { isStandard, type Scope } from '../walk.ts'
import { KnownValues } from './known-values.ts'
import { type Pads, padsOf } from './pad-amounts.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/**
 * A Pad of constants around width and height goes into the `pads` of all that read it:
 *
 *   Conv          fills with 0
 *   AveragePool   fills with 0 and counts what it filled (`count_include_pad`), unless it rounds sizes up
 *   MaxPool       ignores what lies outside: the fill was minus infinity, or 0 around values that are never negative
 *
 * Pooling wants every window to reach a real value: pads smaller than the kernel.
 */
export async function foldPads(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const revision = new Revision(model, 'pads')
  const { connections } = revision
  const known = await KnownValues.of(model, connections, read)
  const opset = opsetOf(model) ?? 0
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      if (!isStandard(node) || node.op !== 'Pad' || node.attributes.some(({ kind }) => kind === 'ref')) continue
      const pads = await padsOf(node, scope, opset, known.rank(scope, node.inputs[0] ?? ''), connections, read)
      const value = connections.own(scope).get(node.outputs[0] ?? '')
      if (pads === null || !isAround(pads) || !value || value.uses.length === 0 || value.outputOf.length > 0) continue
      const isPositive = (await leastValue(node.inputs[0] ?? '', scope.path, connections, read)) === 0
      const padded = value.uses.map((use) => withPads(use, scope, pads, isPositive, revision))
      if (padded.some((one) => one === null)) continue
      for (const [index, use] of value.uses.entries()) {
        const reader = padded[index] as Node
        revision.replace(use.node, [{ ...reader, inputs: reader.inputs.with(0, node.inputs[0] ?? '') }])
      }
      revision.replace(node, [])
      const readers = value.uses.map(({ node: one }) => `${one.op} "${one.name || one.outputs[0]}"`).join(', ')
      revision.done(scope, node, `Pad folded into ${readers}`)
    }
  }
  return revision.finish()
}

/** Batch and channels untouched, nothing cut off, filled with a number. */
function isAround({ amounts, mode, value }: Pads): boolean {
  const rank = amounts.length / 2
  if (!Number.isInteger(rank) || rank < 3 || mode !== 'constant' || value === null) return false
  return amounts.every((amount, index) => amount >= 0 && (index % rank >= 2 || amount === 0))
}

function withPads(use: Use, scope: Scope, pads: Pads, isPositive: boolean, revision: Revision): Node | null {
  const { node } = use
  if (!isStandard(node) || use.scope !== scope || use.inputIndex !== 0 || revision.isTouched(node)) return null
  if (node.attributes.some(({ kind }) => kind === 'ref')) return null
  const auto = stringAttribute(node, 'auto_pad', 'NOTSET')
  if (auto !== 'NOTSET' && auto !== 'VALID') return null
  const rank = pads.amounts.length / 2
  const spatial = pads.amounts.filter((_, index) => index % rank >= 2)
  const own = (auto === 'NOTSET' && intsAttribute(node, 'pads')) || spatial.map(() => 0)
  if (own.length !== spatial.length) return null
  const sum = own.map((amount, index) => amount + (spatial[index] as number))
  switch (node.op) {
    case 'Conv':
      return pads.value === 0 ? withAttributes(node, sum) : null
    case 'AveragePool': {
      const counts = own.every((amount) => amount === 0) || intAttribute(node, 'count_include_pad', 0) !== 0
      const fits = pads.value === 0 && counts && intAttribute(node, 'ceil_mode', 0) === 0 && isWithinKernel(node, sum)
      return fits && !hasDilations(node) ? withAttributes(node, sum, { count_include_pad: 1 }) : null
    }
    case 'MaxPool': {
      const ignored = pads.value === Number.NEGATIVE_INFINITY || (pads.value === 0 && isPositive)
      const hasIndices = (node.outputs[1] ?? '') !== ''
      const fits = ignored && !hasIndices && intAttribute(node, 'ceil_mode', 0) === 0 && isWithinKernel(node, sum)
      return fits && !hasDilations(node) ? withAttributes(node, sum) : null
    }
    default:
      return null
  }
}

function isWithinKernel(node: Node, pads: readonly number[]): boolean {
  const kernel = intsAttribute(node, 'kernel_shape') ?? []
  return pads.length === 2 * kernel.length && pads.every((pad, index) => pad < (kernel[index % kernel.length] ?? 0))
}

function hasDilations(node: Node): boolean {
  return intsAttribute(node, 'dilations')?.some((one) => one !== 1) ?? attributeOf(node, 'dilations') !== undefined
}

function withAttributes(node: Node, pads: readonly number[], further: Readonly<Record<string, number>> = {}): Node {
  const added: Attribute[] = [
    { name: 'pads', kind: 'ints', value: pads },
    ...Object.entries(further).map(([name, value]): Attribute => ({ name, kind: 'int', value })),
  ]
  const gone = new Set(['auto_pad', ...added.map(({ name }) => name)])
  return { ...node, attributes: [...node.attributes.filter(({ name }) => !gone.has(name)), ...added] }
}
